-- One row = how often the hooks of one app have failed in the process where they did most often, of those heard of in the window.
SELECT
    if(ledger.app = '', 'unattributed', ledger.app) AS app,
    toFloat64(max(ledger.hook_errors)) AS value,
    countIf(ledger.hook_errors > 0) AS processes,
    sum(greatest(ledger.emitted, ledger.last_seq)) AS samples
FROM producer_ledger AS ledger
WHERE ledger.heard_at >= toStartOfMinute({from:DateTime64(3)}) AND ledger.heard_at < {to:DateTime64(3)}
GROUP BY app
