-- One row = an hour of a resource of flat cost with calls that get another price key: it has to be worked out again.
DELETE FROM capacity_hours
WHERE (resource, hour) IN
(
    SELECT capacity, toStartOfHour(started_at)
    FROM llm_calls AS calls FINAL
    WHERE capacity = {capacity:String}
        AND capacity != ''
        AND started_at >= {start:DateTime}
        AND started_at < {end:DateTime}
        AND provider = {provider:String}
        AND host = {host:String}
        AND model_requested = {requested:String}
        AND model_responded = {responded:String}
        AND service_tier = {service_tier:String}
        AND calls.price_key != {price_key:UInt64}
)
SETTINGS mutations_sync = 2
