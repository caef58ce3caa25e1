-- One row = what became of the events of one hour with these dimensions; a dimension that is switched off is empty.
-- The hour counts that begins in start ≤ t < end. Gaps hold what the process dropped as well.
SELECT
    if({by_hour:Bool}, toString(ledger.hour), '') AS hour,
    if({by_app:Bool}, if(ledger.app = '', 'unattributed', ledger.app), '') AS app,
    if({by_process:Bool}, ledger.producer_id, '') AS process,
    sum(ledger.emitted) AS emitted,
    sum(ledger.stored) AS stored,
    sum(ledger.repeated) AS repeated,
    sum(ledger.dropped) AS dropped,
    arrayStringConcat(
        arrayMap((reason, times) -> concat(reason, ' ', toString(times)),
            mapKeys(sumMap(ledger.dropped_by_reason) AS reasons), mapValues(reasons)), ', ') AS reasons_of_drops,
    sum(ledger.spooled) AS spooled,
    sum(ledger.dead_letters) AS dead_letters,
    sum(ledger.missing) AS in_gaps,
    arrayStringConcat(arraySlice(arrayFlatten(groupArray(ledger.gaps)), 1, 20), ', ') AS gaps,
    min(ledger.least_delay_ms) AS least_delay_ms
FROM ledger_hours AS ledger
WHERE ledger.hour >= toStartOfHour({start:DateTime}) AND ledger.hour < {end:DateTime}
GROUP BY hour, app, process
ORDER BY hour, in_gaps + dropped DESC, app, process
