-- One row = an hour of a resource with calls, and when the last of them arrived.
SELECT toStartOfHour(started_at) AS hour, toDateTime64(max(received_at), 6, 'UTC') AS received
FROM llm_calls
WHERE capacity = {resource:String} AND started_at >= {start:DateTime} AND started_at < {end:DateTime}
GROUP BY hour
