-- What the loss ledger needs to say where something is missing and whose clock is wrong, and what lets the store recognise
-- a block of an insert that is tried again.
ALTER TABLE loss_ledger ADD COLUMN IF NOT EXISTS least_delay_ms Int64 DEFAULT 0 AFTER last_seq;

ALTER TABLE producer_reports ADD COLUMN IF NOT EXISTS spooled UInt64 DEFAULT 0 AFTER dropped;

ALTER TABLE llm_calls MODIFY SETTING non_replicated_deduplication_window = 1000;

ALTER TABLE llm_texts MODIFY SETTING non_replicated_deduplication_window = 1000;

ALTER TABLE touched_minutes MODIFY SETTING non_replicated_deduplication_window = 1000;

ALTER TABLE deliveries MODIFY SETTING non_replicated_deduplication_window = 1000;

-- One row of producer_ledger = what became of everything that one producer (one process of an app) emitted. Events that
-- have no producer, because they came second-hand, are not in it.
-- `missing` counts sequence numbers that were given out and are neither stored, nor dropped by the producer, nor dead
-- letters: up to its last word when it has closed, up to the last stored one while it has not, because what is still
-- on its way is not lost. `tail` counts the numbers after that, whose fate is not known yet; `spooled` of them waited on the
-- producer's disk when it last spoke. `repeated` counts arrivals beyond the first, of minutes that ended a minute ago:
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
    if(closed, 0, greatest(toInt64(emitted) - toInt64(last_seq), 0)) AS tail,
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
        CAST(map(), 'Map(LowCardinality(String), UInt64)'), 0, 0, 0, 0, 0, 0, count(), 0
    FROM dead_letters FINAL
    GROUP BY producer_id
) AS source
WHERE producer_id != ''
GROUP BY producer_id;

-- One row of producer_report_hours (after merging) = the last word of one producer in one hour; counts are since its start.
CREATE TABLE IF NOT EXISTS producer_report_hours
(
    producer_id String,
    hour DateTime('UTC'),
    reported_at DateTime64(6, 'UTC'),
    emitted UInt64,
    dropped Map(LowCardinality(String), UInt64),
    spooled UInt64,
    app LowCardinality(String)
)
ENGINE = ReplacingMergeTree(reported_at)
PARTITION BY toYYYYMM(hour)
ORDER BY (producer_id, hour);

CREATE MATERIALIZED VIEW IF NOT EXISTS producer_reports_by_hour TO producer_report_hours AS
SELECT producer_id, toStartOfHour(reported_at) AS hour, reported_at, emitted, dropped, spooled, app
FROM producer_reports;

-- One row of ledger_gaps = sequence numbers of one producer that lie between two known ones and are not known themselves:
-- `after` and `before` are the times of those two. What the producer dropped is in the gaps too, for it drops before it
-- can say which number it was. Only producers that miss something are looked at.
CREATE VIEW IF NOT EXISTS ledger_gaps AS
WITH incomplete AS (SELECT producer_id FROM producer_ledger WHERE missing > 0)
SELECT
    producer_id,
    previous + 1 AS first_seq,
    toUInt64(seq - 1) AS last_seq,
    toUInt64(seq - previous - 1) AS events,
    previous_at AS after,
    at AS before
FROM
(
    SELECT
        producer_id,
        seq,
        at,
        lagInFrame(seq, 1, toUInt64(0)) OVER numbers AS previous,
        lagInFrame(at, 1, at) OVER numbers AS previous_at
    FROM
    (
        SELECT producer_id, seq, toDateTime(started_at, 'UTC') AS at
        FROM llm_calls
        WHERE producer_id IN (incomplete)
            AND toStartOfMinute(started_at) IN (SELECT minute FROM loss_ledger WHERE producer_id IN (incomplete))
        UNION ALL
        SELECT producer_id, assumeNotNull(seq), toDateTime(received_at, 'UTC')
        FROM dead_letters FINAL
        WHERE producer_id IN (incomplete) AND seq IS NOT NULL
        UNION ALL
        SELECT producer_id, emitted + 1, toDateTime(reported_at, 'UTC')
        FROM producer_reports FINAL
        WHERE producer_id IN (incomplete) AND closed
    )
    WINDOW numbers AS (PARTITION BY producer_id ORDER BY seq)
)
WHERE seq > previous + 1;

-- One row of ledger_hours = what became of what one producer emitted in one hour, as far as the hour is known: emitted and
-- dropped by when it said so, stored and repeated by when calls started, dead letters by when they arrived, missing by the
-- next call that is known. `spooled` is what waited on its disk at its last word in that hour.
CREATE VIEW IF NOT EXISTS ledger_hours AS
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
        toUInt64(emitted - lagInFrame(emitted, 1, toUInt64(0)) OVER hours) AS emitted,
        toUInt64(0) AS stored,
        toUInt64(0) AS repeated,
        CAST(mapSubtract(dropped, lagInFrame(dropped, 1) OVER hours), 'Map(LowCardinality(String), UInt64)') AS dropped_by_reason,
        spooled,
        toUInt64(0) AS dead_letters,
        toUInt64(0) AS missing,
        CAST([], 'Array(String)') AS gaps,
        toInt64(0) AS least_delay_ms
    FROM producer_report_hours FINAL
    WINDOW hours AS (PARTITION BY producer_id ORDER BY hour)
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
