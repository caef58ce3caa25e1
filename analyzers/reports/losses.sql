-- One row = what became of the events of the processes with these dimensions; a dimension that is switched off is empty.
-- Counted are processes that were heard of last in start ≤ t < end. An unknown tail is on its way, in a spool, or lost.
SELECT
    if({by_app:Bool}, if(ledger.app = '', 'unattributed', ledger.app), '') AS app,
    if({by_process:Bool}, ledger.producer_id, '') AS process,
    count() AS processes,
    countIf(ledger.state = 'silent') AS silent,
    sum(greatest(ledger.emitted, ledger.last_seq)) AS emitted,
    sum(ledger.stored) AS stored,
    sum(ledger.repeated) AS repeated,
    sum(ledger.dropped) AS dropped,
    arrayStringConcat(
        arrayMap((reason, times) -> concat(reason, ' ', toString(times)),
            mapKeys(sumMap(ledger.dropped_by_reason) AS reasons), mapValues(reasons)), ', ') AS reasons_of_drops,
    sum(ledger.dead_letters) AS dead_letters,
    sum(ledger.missing) AS missing,
    sum(ledger.tail) AS unknown_tail,
    sum(ledger.spooled) AS spooled,
    sum(ledger.hook_errors) AS hook_errors,
    min(ledger.least_delay_ms) AS least_delay_ms
FROM producer_ledger AS ledger
WHERE ledger.heard_at >= toStartOfMinute({start:DateTime}) AND ledger.heard_at < {end:DateTime}
GROUP BY app, process
ORDER BY missing + dropped DESC, unknown_tail DESC, app, process
