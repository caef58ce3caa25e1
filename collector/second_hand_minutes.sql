-- One row = one of the given minutes that has calls which came second-hand: without a producer.
SELECT DISTINCT toStartOfMinute(started_at) AS minute
FROM llm_calls
WHERE toStartOfMinute(started_at) IN {minutes:Array(DateTime)} AND producer_id = ''
ORDER BY minute
