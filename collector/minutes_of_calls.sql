-- One row = a minute with calls that start from an instant on: they may be dated a little ahead of the clock.
SELECT DISTINCT toStartOfMinute(started_at) AS minute
FROM llm_calls
WHERE started_at >= {start:DateTime}
ORDER BY minute
