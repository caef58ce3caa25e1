-- What is missing of a producer that has not closed: dead letters have numbers too, and its parts add up to what it emitted.
-- A clock that was set back makes no hour of the ledger wrap around.
-- One row of producer_ledger = what became of everything that one producer (one process of an app) emitted. Events that
-- have no producer, because they came second-hand, are not in it.
-- `missing` counts sequence numbers that were given out and are neither stored, nor dropped by the producer, nor dead
-- letters: up to its last word when it has closed, up to the last number that arrived while it has not, because what is
-- still on its way is not lost. `tail` counts the numbers whose fate is not known yet, so that with those that are stored,
-- dropped, dead letters or missing they are what was emitted; `spooled` of them waited on the producer's disk when it last
-- spoke. A producer that has not closed may have dropped what is taken for missing later, or the other way round. `repeated` counts arrivals beyond the first, of minutes that ended a minute ago:
-- what has just come is delivered, but not yet in the roll-up. `least_delay_ms` is the shortest time from the end of a
-- call to its arrival: below zero the producer's clock is ahead.
-- `state`: something is lost (incomplete); it has said goodbye and all is there (complete); it speaks (open); it has not
-- been heard of for ten minutes and never said goodbye, so nobody knows what else it emitted (silent).
CREATE OR REPLACE VIEW producer_ledger AS
SELECT
    producer_id,
    argMax(source.app, (source.app != '', source.emitted)) AS app,
    max(source.closed) AS closed,
    max(source.heard_at) AS heard_at,
    max(source.emitted) AS emitted,
    sum(source.stored) AS stored,
    greatest(sum(source.delivered) - toInt64(sum(source.settled)), 0) AS repeated,
    sumMap(source.dropped) AS dropped_by_reason,
    arraySum(mapValues(dropped_by_reason)) AS dropped,
    sum(source.dead_letters) AS dead_letters,
    max(source.last_seq) AS last_seq,
    greatest(toInt64(if(closed, greatest(emitted, last_seq), last_seq)) - toInt64(stored + dropped + dead_letters), 0) AS missing,
    if(closed, 0, greatest(least(
        toInt64(emitted) - toInt64(last_seq),
        toInt64(emitted) - toInt64(stored + dropped + dead_letters) - missing), 0)) AS tail,
    least(max(source.spooled), tail) AS spooled,
    max(source.hook_errors) AS hook_errors,
    minIf(source.least_delay_ms, source.stored > 0) AS least_delay_ms,
    multiIf(
        missing + dropped + dead_letters > 0, 'incomplete',
        closed, 'complete',
        heard_at < now('UTC') - INTERVAL 10 MINUTE, 'silent',
        'open') AS state
FROM
(
    SELECT producer_id, app, closed, toDateTime(reported_at, 'UTC') AS heard_at, emitted, dropped, spooled, hook_errors,
        0 AS stored, 0 AS settled, 0 AS last_seq, 0 AS delivered, 0 AS dead_letters, 0 AS least_delay_ms
    FROM producer_reports FINAL
    UNION ALL
    SELECT producer_id, max(app), false, max(minute), 0, CAST(map(), 'Map(LowCardinality(String), UInt64)'), 0, 0,
        sum(stored), sumIf(stored, minute < toStartOfMinute(now('UTC')) - INTERVAL 1 MINUTE), max(last_seq), 0, 0,
        min(least_delay_ms)
    FROM loss_ledger FINAL
    GROUP BY producer_id
    UNION ALL
    SELECT producer_id, '', false, max(minute), 0, CAST(map(), 'Map(LowCardinality(String), UInt64)'), 0, 0,
        0, 0, 0, sumIf(delivered, minute < toStartOfMinute(now('UTC')) - INTERVAL 1 MINUTE), 0, 0
    FROM deliveries
    GROUP BY producer_id
    UNION ALL
    SELECT producer_id, '', false, max(toDateTime(received_at, 'UTC')), 0,
        CAST(map(), 'Map(LowCardinality(String), UInt64)'), 0, 0, 0, 0, max(ifNull(seq, 0)), 0, count(), 0
    FROM dead_letters FINAL
    GROUP BY producer_id
) AS source
WHERE producer_id != ''
GROUP BY producer_id;

-- One row of ledger_hours = what became of what one producer emitted in one hour, as far as the hour is known: emitted and
-- dropped by when it said so, stored and repeated by when calls started, dead letters by when they arrived, missing by the
-- next call that is known. `spooled` is what waited on its disk at its last word in that hour. Counts of reports only grow: a
-- report that says less than an earlier one was made before it, by a clock that was set back since.
CREATE OR REPLACE VIEW ledger_hours AS
SELECT
    producer_id,
    hour,
    any(names.app) AS app,
    if(sum(facts.emitted) > 0, sum(facts.emitted), stored + dead_letters + missing) AS emitted,
    sum(facts.stored) AS stored,
    sum(facts.repeated) AS repeated,
    sumMap(facts.dropped_by_reason) AS dropped_by_reason,
    arraySum(mapValues(dropped_by_reason)) AS dropped,
    max(facts.spooled) AS spooled,
    sum(facts.dead_letters) AS dead_letters,
    sum(facts.missing) AS missing,
    arrayFlatten(groupArray(facts.gaps)) AS gaps,
    minIf(facts.least_delay_ms, facts.stored > 0) AS least_delay_ms
FROM
(
    SELECT
        producer_id,
        hour,
        toUInt64(greatest(toInt64(emitted) - toInt64(max(emitted) OVER before), 0)) AS emitted,
        toUInt64(0) AS stored,
        toUInt64(0) AS repeated,
        CAST(mapApply(
            (reason, count) -> (reason, toUInt64(greatest(toInt64(count) - toInt64((maxMap(dropped) OVER before)[reason]), 0))),
            dropped), 'Map(LowCardinality(String), UInt64)') AS dropped_by_reason,
        spooled,
        toUInt64(0) AS dead_letters,
        toUInt64(0) AS missing,
        CAST([], 'Array(String)') AS gaps,
        toInt64(0) AS least_delay_ms
    FROM producer_report_hours FINAL
    WINDOW before AS (PARTITION BY producer_id ORDER BY hour ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)
    UNION ALL
    SELECT producer_id, toStartOfHour(minute), 0, sum(stored),
        0, CAST(map(), 'Map(LowCardinality(String), UInt64)'), 0, 0, 0, CAST([], 'Array(String)'), min(least_delay_ms)
    FROM loss_ledger FINAL
    GROUP BY 1, 2
    UNION ALL
    SELECT producer_id, toStartOfHour(minute), 0, 0, toUInt64(greatest(sum(arrived) - sum(settled), 0)),
        CAST(map(), 'Map(LowCardinality(String), UInt64)'), 0, 0, 0, CAST([], 'Array(String)'), 0
    FROM
    (
        SELECT producer_id, minute, toInt64(delivered) AS arrived, toInt64(0) AS settled FROM deliveries
        UNION ALL
        SELECT producer_id, minute, 0, toInt64(stored) FROM loss_ledger FINAL
    )
    WHERE minute < toStartOfMinute(now('UTC')) - INTERVAL 1 MINUTE
    GROUP BY 1, 2
    UNION ALL
    SELECT producer_id, toStartOfHour(received_at), 0, 0, 0, CAST(map(), 'Map(LowCardinality(String), UInt64)'),
        0, count(), 0, CAST([], 'Array(String)'), 0
    FROM dead_letters FINAL
    GROUP BY 1, 2
    UNION ALL
    SELECT producer_id, toStartOfHour(before), 0, 0, 0, CAST(map(), 'Map(LowCardinality(String), UInt64)'), 0, 0, sum(events),
        groupArray(if(first_seq = last_seq, toString(first_seq), concat(toString(first_seq), '-', toString(last_seq)))), 0
    FROM ledger_gaps
    GROUP BY 1, 2
) AS facts
LEFT JOIN (SELECT producer_id, app FROM producer_ledger) AS names USING (producer_id)
WHERE producer_id != ''
GROUP BY producer_id, hour;
