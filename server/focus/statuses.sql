-- One row = the attempts and charges of one day whose cost has one status.
SELECT
    toString(cost_status) AS status,
    countIf(is_attempt) AS attempts,
    countIf(is_attempt AND cost IS NOT NULL) AS priced,
    ifNull(sum(cost), toDecimal128(0, 12)) AS known_cost,
    max(started_at) AS newest_call,
    max(received_at) AS newest_received
FROM priced_calls_at(version = {version:UInt32}, contracts = 1)
WHERE started_at >= {day:Date} AND started_at < {day:Date} + 1
GROUP BY cost_status
ORDER BY status
