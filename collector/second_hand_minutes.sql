-- One row = one of the given minutes for which calls came second-hand: without a producer.
SELECT DISTINCT minute
FROM deliveries
WHERE producer_id = '' AND minute IN {minutes:Array(DateTime)}
ORDER BY minute
