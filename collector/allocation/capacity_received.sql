-- One row = an hour of a resource with calls, and when the last of them arrived: of recent hours all, of earlier ones those
-- for which something came in the last days, as touched_minutes remembers it, so that not all calls are read.
SELECT toStartOfHour(started_at) AS hour, toDateTime64(max(received_at), 6, 'UTC') AS received
FROM llm_calls
WHERE capacity = {resource:String}
    AND started_at >= {start:DateTime}
    AND started_at < {end:DateTime}
    AND (
        toStartOfMinute(started_at) >= {recent:DateTime}
        OR toStartOfMinute(started_at) IN (SELECT minute FROM touched_minutes WHERE minute < {recent:DateTime})
    )
GROUP BY hour
