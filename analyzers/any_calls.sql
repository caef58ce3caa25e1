-- The only row = whether any call started in the minutes of a window; hits of an app's own cache count too.
SELECT count() > 0
FROM llm_calls
WHERE toStartOfMinute(started_at) >= {start:DateTime} AND toStartOfMinute(started_at) < {end:DateTime}
