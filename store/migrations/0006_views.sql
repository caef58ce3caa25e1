-- One row of call_periods = the calls of one minute (grain 60) or one hour (grain 3600) that share the dimensions.
-- A reader picks one grain: `grain = 60` for a short range, `grain = 3600` for a long one; both hold the same totals.
-- Every row has attempts, so it is safe to divide by them. What an app's own cache saved is in the roll-ups themselves.
CREATE VIEW IF NOT EXISTS call_periods AS
SELECT
    minute AS time,
    60 AS grain,
    if(team = '', 'unattributed', team) AS team,
    if(app = '', 'unattributed', app) AS app,
    feature,
    environment,
    provider,
    model,
    operation,
    attempts,
    operations,
    failed_operations,
    ok,
    rate_limited,
    errors,
    input_tokens,
    cache_read_tokens,
    cache_write_tokens,
    output_tokens,
    reasoning_tokens,
    cost,
    estimated_cost,
    priced,
    unpriced,
    duration,
    felt,
    first_token
FROM call_minutes FINAL
WHERE attempts > 0
UNION ALL
SELECT
    hour AS time,
    3600 AS grain,
    if(team = '', 'unattributed', team) AS team,
    if(app = '', 'unattributed', app) AS app,
    feature,
    environment,
    provider,
    model,
    operation,
    attempts,
    operations,
    failed_operations,
    ok,
    rate_limited,
    errors,
    input_tokens,
    cache_read_tokens,
    cache_write_tokens,
    output_tokens,
    reasoning_tokens,
    cost,
    estimated_cost,
    priced,
    unpriced,
    duration,
    felt,
    first_token
FROM call_hours FINAL
WHERE attempts > 0;

-- One row of producer_ledger = what became of everything that one producer (one process of an app) emitted.
-- `missing` counts sequence numbers that were given out and are neither stored, nor dropped by the producer, nor dead
-- letters: up to its last word when it has closed, up to the last stored one while it has not, because what is still
-- on its way is not lost. `tail` counts the numbers after that, whose fate is not known yet. `repeated` counts arrivals
-- beyond the first, of minutes that ended a minute ago: what has just come is delivered, but not yet in the roll-up.
CREATE VIEW IF NOT EXISTS producer_ledger AS
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
    if(closed, 0, greatest(toInt64(emitted) - toInt64(last_seq), 0)) AS tail
FROM
(
    SELECT producer_id, app, closed, toDateTime(reported_at, 'UTC') AS heard_at, emitted, dropped,
        0 AS stored, 0 AS settled, 0 AS last_seq, 0 AS delivered, 0 AS dead_letters
    FROM producer_reports FINAL
    UNION ALL
    SELECT producer_id, max(app), false, max(minute), 0, CAST(map(), 'Map(LowCardinality(String), UInt64)'),
        sum(stored), sumIf(stored, minute < toStartOfMinute(now('UTC')) - INTERVAL 1 MINUTE), max(last_seq), 0, 0
    FROM loss_ledger FINAL
    GROUP BY producer_id
    UNION ALL
    SELECT producer_id, '', false, max(minute), 0, CAST(map(), 'Map(LowCardinality(String), UInt64)'),
        0, 0, 0, sumIf(delivered, minute < toStartOfMinute(now('UTC')) - INTERVAL 1 MINUTE), 0
    FROM deliveries
    GROUP BY producer_id
    UNION ALL
    SELECT producer_id, '', false, max(toDateTime(received_at, 'UTC')), 0, CAST(map(), 'Map(LowCardinality(String), UInt64)'),
        0, 0, 0, 0, count()
    FROM dead_letters FINAL
    GROUP BY producer_id
) AS source
GROUP BY producer_id;
