-- One row = a minute with calls that get another price key: it has to be rolled up again.
INSERT INTO touched_minutes
SELECT DISTINCT toStartOfMinute(started_at), now64(3)
FROM llm_calls AS calls FINAL
WHERE started_at >= {start:DateTime}
    AND started_at < {end:DateTime}
    AND capacity = {capacity:String}
    AND provider = {provider:String}
    AND host = {host:String}
    AND model_requested = {requested:String}
    AND model_responded = {responded:String}
    AND service_tier = {service_tier:String}
    AND calls.price_key != {price_key:UInt64}
