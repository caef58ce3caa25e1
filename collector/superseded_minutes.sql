-- One row = one of the given minutes that has calls which are superseded, and how many.
SELECT toStartOfMinute(started_at) AS minute, uniqExact(call_id) AS calls
FROM llm_calls
WHERE toStartOfMinute(started_at) IN {minutes:Array(DateTime)} AND superseded = 1
GROUP BY minute
ORDER BY minute
