-- One row = a day with calls of a span of time.
SELECT DISTINCT toStartOfDay(started_at) AS day
FROM llm_calls
WHERE started_at >= {start:DateTime} AND started_at < {end:DateTime}
