-- One row = a call that gets another price key, copied.
INSERT INTO llm_calls
SELECT *
FROM {source:Identifier}.llm_calls AS calls FINAL
WHERE started_at >= {start:DateTime}
    AND started_at < {end:DateTime}
    AND capacity = {capacity:String}
    AND provider = {provider:String}
    AND host = {host:String}
    AND model_requested = {requested:String}
    AND model_responded = {responded:String}
    AND service_tier = {service_tier:String}
    AND calls.price_key != {price_key:UInt64}
SETTINGS max_threads = 1, min_insert_block_size_rows = 65536, min_insert_block_size_bytes = 33554432
