-- One row = what became of the events of one app, summed over its processes heard of since the start of the range.
SELECT
    multiIf(
        countIf(ledger.state = 'incomplete') > 0, 'incomplete',
        countIf(ledger.state = 'silent') > 0, 'silent',
        min(ledger.closed), 'complete',
        'open') AS state,
    if(ledger.app = '', 'unattributed', ledger.app) AS app,
    count() AS processes,
    sum(greatest(ledger.emitted, ledger.last_seq)) AS emitted,
    sum(ledger.stored) AS stored,
    sum(ledger.repeated) AS repeated,
    arrayStringConcat(
        arrayMap((reason, times) -> concat(reason, ' ', toString(times)),
            mapKeys(sumMap(ledger.dropped_by_reason) AS reasons), mapValues(reasons)), ', ') AS dropped,
    sum(ledger.dead_letters) AS dead_letters,
    sum(ledger.missing) AS missing,
    if(sum(ledger.tail) = 0, '', concat(toString(sum(ledger.tail)), ' in ', toString(countIf(ledger.tail > 0)), if(countIf(ledger.tail > 0) = 1, ' process', ' processes'))) AS unknown_tail,
    sum(ledger.hook_errors) AS hook_errors
FROM producer_ledger AS ledger
WHERE ledger.heard_at >= toStartOfMinute({from:DateTime64(3)})
GROUP BY app
ORDER BY state = 'incomplete' DESC, app
LIMIT 100
