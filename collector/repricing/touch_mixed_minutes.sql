-- One row = a minute of a span of time with rows whose calls may not all have one price under a cost version: it has to be
-- rolled up again.
INSERT INTO touched_minutes
SELECT DISTINCT minute, now64(3)
FROM call_minutes FINAL
WHERE minute >= {start:DateTime}
    AND minute < {end:DateTime}
    AND (
        usage_kind = 0
        OR arrayExists(
            start -> start > input_from AND start <= most_input,
            (SELECT groupUniqArray(input_from) FROM effective_prices WHERE cost_version = {version:UInt32}))
    )
