-- One row = a call of hours of a resource that is its own or that it could take for its own, or the charge for what was idle in
-- one of them, copied.
INSERT INTO llm_calls
SELECT *
FROM {source:Identifier}.llm_calls FINAL
WHERE toStartOfHour(started_at) IN {hours:Array(DateTime)}
    AND
    (
        capacity = {resource:String}
        OR (operation = 'charge' AND provider = 'capacity' AND model_requested = {resource:String})
        OR
        (
            capacity = ''
            AND operation != 'charge'
            AND match(provider, {provider:String})
            AND match(host, {host:String})
            AND match(if(model_responded != '', model_responded, model_requested), {model:String})
        )
    )
SETTINGS max_threads = 1, min_insert_block_size_rows = 65536, min_insert_block_size_bytes = 33554432
