-- One row = an hour of a resource in which it is not paid, though it was worked out or has calls; had_calls says whether
-- minutes other than its first are to be rolled up again.
SELECT hour, max(has_calls) AS had_calls
FROM
(
    SELECT hour, calls > 0 AS has_calls
    FROM capacity_hours FINAL
    WHERE resource = {resource:String} AND hour >= {start:DateTime} AND hour < {end:DateTime}
    UNION ALL
    SELECT toStartOfHour(started_at), 1
    FROM llm_calls
    WHERE capacity = {resource:String} AND started_at >= {start:DateTime} AND started_at < {end:DateTime}
)
GROUP BY hour
ORDER BY hour
