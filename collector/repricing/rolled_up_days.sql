-- One row = a day of a span of time that has rolled-up calls.
SELECT DISTINCT toStartOfDay(minute) AS day
FROM call_minutes
WHERE minute >= {start:DateTime} AND minute < {end:DateTime}
ORDER BY day
