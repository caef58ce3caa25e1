-- One row = one of the given minutes that has calls which are superseded.
SELECT DISTINCT toStartOfMinute(started_at) AS minute
FROM llm_calls
WHERE toStartOfMinute(started_at) IN {minutes:Array(DateTime)} AND superseded = 1
ORDER BY minute
