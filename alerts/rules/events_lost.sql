-- One row = how many events of one app are lost to the totals, of its processes heard of in the window, over their life.
SELECT
    if(ledger.app = '', 'unattributed', ledger.app) AS app,
    toFloat64(sum(ledger.missing) + sum(ledger.dropped) + sum(ledger.dead_letters)) AS value,
    sum(ledger.missing) AS missing,
    sum(ledger.dropped) AS dropped,
    sum(ledger.dead_letters) AS dead_letters,
    value / samples AS share,
    sum(greatest(ledger.emitted, ledger.last_seq)) AS samples
FROM producer_ledger AS ledger
WHERE ledger.heard_at >= toStartOfMinute({from:DateTime64(3)}) AND ledger.heard_at < {to:DateTime64(3)}
GROUP BY app
HAVING samples > 0
