-- One row of cost_minutes_at = what the calls from `start` to `end` of one minute that share the dimensions cost under one cost
-- version: the sums over priced_calls_at, but tokens are added up first and then priced, once for each price.
-- Where no attempt has a known cost, that of all is unknown: a hit costs 0, which says nothing of it.
CREATE OR REPLACE VIEW cost_minutes_at AS
SELECT
    minute,
    dimensions,
    sumIf(calls, is_attempt) AS attempts,
    sumIf(calls, is_attempt AND has_value) AS priced,
    sumIf(calls, NOT cache_hit AND NOT has_value) AS unpriced,
    if(priced = 0 AND attempts > 0, NULL, sumIf(value, has_value AND NOT cache_hit)) AS cost,
    sumIf(value, value_kind = 7 AND NOT cache_hit) AS estimated_cost,
    if(countIf(cache_hit AND has_value) = 0, NULL, sumIf(value, cache_hit AND has_value)) AS saved
FROM
(
    SELECT
        sums.minute AS minute,
        sums.dimensions AS dimensions,
        sums.is_attempt AS is_attempt,
        sums.cache_hit AS cache_hit,
        sums.calls AS calls,
        multiIf(
            sums.usage_kind < 4, sums.usage_kind,
            sums.price_id = 0, 4,
            sums.usage_kind = 5, 5,
            bitAnd(sums.used_tokens, prices.lacks_input + 2 * prices.lacks_output) != 0, 6,
            prices.is_flat, 9,
            sums.usage_kind) AS value_kind,
        value_kind IN (1, 2, 7, 8, 9) AS has_value,
        if(value_kind > 6,
            reinterpret(
                sums.fresh_text * prices.input_rate
                    + sums.cached_text * prices.cache_read_rate
                    + sums.written_5m * prices.cache_write_5m_rate
                    + sums.written_1h * prices.cache_write_1h_rate
                    + sums.fresh_audio * prices.input_audio_rate
                    + sums.cached_audio * prices.cache_read_audio_rate
                    + sums.input_image * prices.input_image_rate
                    + sums.output_text * prices.output_rate
                    + sums.reasoning * prices.reasoning_rate
                    + sums.output_audio * prices.output_audio_rate
                    + sums.output_image * prices.output_image_rate
                    + toInt128(sums.calls) * prices.request_rate,
                'Decimal(38, 12)'),
            sums.reported) AS value
    FROM
    (
        SELECT
            toStartOfMinute(rated.started_at) AS minute,
            rated.dimensions AS dimensions,
            rated.price_id AS price_id,
            rated.usage_kind AS usage_kind,
            rated.used_tokens AS used_tokens,
            rated.is_attempt AS is_attempt,
            rated.cache_hit AS cache_hit,
            count() AS calls,
            toInt128(sum(rated.fresh_text)) AS fresh_text,
            toInt128(sum(rated.cached_text)) AS cached_text,
            toInt128(sum(rated.written_5m)) AS written_5m,
            toInt128(sum(rated.written_1h)) AS written_1h,
            toInt128(sum(rated.fresh_audio)) AS fresh_audio,
            toInt128(sum(rated.cached_audio)) AS cached_audio,
            toInt128(sum(rated.input_image)) AS input_image,
            toInt128(sum(rated.output_text)) AS output_text,
            toInt128(sum(rated.reasoning)) AS reasoning,
            toInt128(sum(rated.output_audio)) AS output_audio,
            toInt128(sum(rated.output_image)) AS output_image,
            sumIf(ifNull(rated.provider_reported_cost, toDecimal128(0, 12)), rated.usage_kind = 1) AS reported
        FROM rated_calls_at(version = {version:UInt32}, contracts = 1) AS rated
        WHERE rated.started_at >= {start:DateTime} AND rated.started_at < {end:DateTime}
        GROUP BY minute, dimensions, price_id, usage_kind, used_tokens, is_attempt, cache_hit
    ) AS sums
    ANY LEFT JOIN prices_at(version = {version:UInt32}) AS prices ON sums.price_id = prices.price_id
)
GROUP BY minute, dimensions;

-- One row of call_periods = the calls of one minute (grain 60) or one hour (grain 3600) that share the dimensions.
-- A reader picks one grain: `grain = 60` for a short range, `grain = 3600` for a long one; both hold the same totals.
-- A row has attempts or, of charges, a cost alone. What an app's own cache saved is in the roll-ups themselves.
CREATE OR REPLACE VIEW call_periods AS
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
WHERE attempts > 0 OR cost != 0
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
WHERE attempts > 0 OR cost != 0;

DROP TABLE IF EXISTS staged_costs;

-- One row of staged_minutes = what the calls of one minute that share the dimensions cost under a cost version that is being
-- tried or made; it is deleted when that is done.
CREATE TABLE IF NOT EXISTS staged_minutes
(
    cost_version UInt32,
    minute DateTime('UTC'),
    dimensions UInt64,
    attempts UInt64,
    priced UInt64,
    unpriced UInt64,
    cost Nullable(Decimal(38, 12)),
    estimated_cost Decimal(38, 12),
    saved Nullable(Decimal(38, 12))
)
ENGINE = MergeTree
ORDER BY (cost_version, minute)
