-- One row = how many events processes of one app had emitted by their last word that never arrived: processes heard of in the
-- window that have been silent for ten minutes and never said goodbye.
SELECT
    if(ledger.app = '', 'unattributed', ledger.app) AS app,
    toFloat64(sum(ledger.tail)) AS value,
    count() AS processes,
    sum(ledger.spooled) AS spooled,
    value / samples AS share,
    sum(greatest(ledger.emitted, ledger.last_seq)) AS samples
FROM producer_ledger AS ledger
WHERE ledger.heard_at >= toStartOfMinute({from:DateTime64(3)}) AND ledger.heard_at < {to:DateTime64(3)} - INTERVAL 10 MINUTE
    AND NOT ledger.closed AND ledger.tail > 0
GROUP BY app
