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
