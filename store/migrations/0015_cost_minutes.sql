-- One row of call_minutes (after merging) = the calls of one minute that share the dimensions and all that their price depends
-- on, so that what they cost is the product of their tokens, added up, and one price. usage_kind and payer_key are as in
-- llm_calls (usage_kind 0: rolled up by a release that did not tell these apart). input_from to most_input is how many input
-- tokens each of them had: no price known at the roll-up changes in between. What follows are the sums of the counts that do
-- not overlap, and of what providers reported.
ALTER TABLE call_minutes
    ADD COLUMN IF NOT EXISTS price_key UInt64,
    ADD COLUMN IF NOT EXISTS payer_key UInt64,
    ADD COLUMN IF NOT EXISTS usage_kind UInt8,
    ADD COLUMN IF NOT EXISTS used_tokens UInt8,
    ADD COLUMN IF NOT EXISTS cache_hit UInt8,
    ADD COLUMN IF NOT EXISTS input_from UInt64,
    ADD COLUMN IF NOT EXISTS most_input UInt64,
    ADD COLUMN IF NOT EXISTS fresh_text Int64,
    ADD COLUMN IF NOT EXISTS cached_text Int64,
    ADD COLUMN IF NOT EXISTS written_5m Int64,
    ADD COLUMN IF NOT EXISTS written_1h Int64,
    ADD COLUMN IF NOT EXISTS fresh_audio Int64,
    ADD COLUMN IF NOT EXISTS cached_audio Int64,
    ADD COLUMN IF NOT EXISTS input_image Int64,
    ADD COLUMN IF NOT EXISTS output_text Int64,
    ADD COLUMN IF NOT EXISTS reasoning Int64,
    ADD COLUMN IF NOT EXISTS output_audio Int64,
    ADD COLUMN IF NOT EXISTS output_image Int64,
    ADD COLUMN IF NOT EXISTS reported Decimal(38, 12),
    MODIFY ORDER BY (minute, team, app, feature, environment, provider, model, operation, price_key, payer_key, usage_kind, used_tokens, cache_hit, input_from);

-- One row of used_minutes_at = a row of call_minutes without its cost, added up from the facts.
-- A hit of an app's own cache is no attempt, nor is a charge; a duration of 0 is not known.
CREATE OR REPLACE VIEW used_minutes_at AS
SELECT
    toStartOfMinute(calls.started_at) AS minute,
    any(calls.team) AS team,
    any(calls.app) AS app,
    any(calls.feature) AS feature,
    any(calls.environment) AS environment,
    any(calls.provider) AS provider,
    any(if(calls.model_responded != '', calls.model_responded, calls.model_requested)) AS model,
    any(calls.operation) AS operation,
    countIf(calls.is_attempt) AS attempts,
    countIf(calls.is_final AND calls.is_attempt) AS operations,
    countIf(calls.is_final AND calls.status != 'ok') AS failed_operations,
    countIf(calls.status = 'ok' AND calls.is_attempt) AS ok,
    countIf(calls.status = 'rate_limited') AS rate_limited,
    countIf(calls.status NOT IN ('ok', 'rate_limited', 'cancelled')) AS errors,
    sumIf(ifNull(calls.input_tokens, 0), calls.is_attempt) AS input_tokens,
    sumIf(ifNull(calls.cache_read_tokens, 0), calls.is_attempt) AS cache_read_tokens,
    sumIf(ifNull(calls.cache_write_5m_tokens, 0) + ifNull(calls.cache_write_1h_tokens, 0), calls.is_attempt) AS cache_write_tokens,
    sumIf(ifNull(calls.output_tokens, 0), calls.is_attempt) AS output_tokens,
    sumIf(ifNull(calls.reasoning_tokens, 0), calls.is_attempt) AS reasoning_tokens,
    countIf(calls.cache_hit) AS cache_hits,
    quantilesTDigestStateIf(0.5, 0.95, 0.99)(calls.duration_ms, calls.status = 'ok' AND calls.duration_ms > 0) AS duration,
    quantilesTDigestStateIf(0.5, 0.95, 0.99)(ifNull(calls.operation_ms, calls.duration_ms), calls.is_final AND calls.duration_ms > 0) AS felt,
    quantilesTDigestState(0.5, 0.95, 0.99)(calls.time_to_first_token_ms) AS first_token,
    calls.price_key AS price_key,
    calls.payer_key AS payer_key,
    calls.usage_kind AS usage_kind,
    calls.used_tokens AS used_tokens,
    calls.cache_hit AS cache_hit,
    roundDown(ifNull(calls.input_tokens, 0), arrayPushBack((SELECT groupUniqArray(input_from) FROM effective_prices), 0)) AS input_from,
    max(ifNull(calls.input_tokens, 0)) AS most_input,
    sum(calls.fresh_text) AS fresh_text,
    sum(calls.cached_text) AS cached_text,
    sum(calls.written_5m) AS written_5m,
    sum(calls.written_1h) AS written_1h,
    sum(calls.fresh_audio) AS fresh_audio,
    sum(calls.cached_audio) AS cached_audio,
    sum(calls.input_image) AS input_image,
    sum(calls.output_text) AS output_text,
    sum(calls.reasoning) AS reasoning,
    sum(calls.output_audio) AS output_audio,
    sum(calls.output_image) AS output_image,
    ifNull(sum(calls.provider_reported_cost), toDecimal128(0, 12)) AS reported
FROM
(
    SELECT *, NOT cache_hit AND operation != 'charge' AS is_attempt, dimensions, payer_key, usage_kind, used_tokens,
        fresh_text, cached_text, written_5m, written_1h, fresh_audio, cached_audio, input_image, output_text, reasoning, output_audio, output_image
    FROM llm_calls FINAL
    WHERE superseded = 0 AND {anew:UInt8} = 1 AND started_at >= {start:DateTime} AND started_at < {end:DateTime}
) AS calls
GROUP BY minute, calls.dimensions, price_key, payer_key, usage_kind, used_tokens, cache_hit, input_from;

-- One row of priced_minutes_at = a row of call_minutes of a minute from `start` to `end` with its cost under one cost version:
-- as it was rolled up or, with `anew` 1, added up from the facts. It is the sum over priced_calls_at: prices change with a
-- minute, never within. was_cost, was_priced, was_saved and was_version are what a rolled-up row has so far.
CREATE OR REPLACE VIEW priced_minutes_at AS
SELECT
    used.* EXCEPT (team_key, own_key, lookup),
    multiIf(
        used.usage_kind < 4, used.usage_kind,
        prices.ends_at <= used.minute, 4,
        used.usage_kind = 5, 5,
        bitAnd(used.used_tokens, prices.lacks_input + 2 * prices.lacks_output) != 0, 6,
        used.usage_kind) AS value_kind,
    value_kind IN (1, 2, 7, 8, 9) AS has_value,
    multiIf(
        value_kind = 1, used.reported,
        value_kind > 6, reinterpret(
            toInt128(used.fresh_text) * prices.input_rate
                + toInt128(used.cached_text) * prices.cache_read_rate
                + toInt128(used.written_5m) * prices.cache_write_5m_rate
                + toInt128(used.written_1h) * prices.cache_write_1h_rate
                + toInt128(used.fresh_audio) * prices.input_audio_rate
                + toInt128(used.cached_audio) * prices.cache_read_audio_rate
                + toInt128(used.input_image) * prices.input_image_rate
                + toInt128(used.output_text) * prices.output_rate
                + toInt128(used.reasoning) * prices.reasoning_rate
                + toInt128(used.output_audio) * prices.output_audio_rate
                + toInt128(used.output_image) * prices.output_image_rate
                + toInt128(used.attempts + used.cache_hits) * prices.request_rate,
            'Decimal(38, 12)'),
        toDecimal128(0, 12)) AS value,
    multiIf(used.cache_hit, toNullable(toDecimal128(0, 12)), has_value, toNullable(value), NULL) AS cost,
    if(value_kind = 7 AND NOT used.cache_hit, value, toDecimal128(0, 12)) AS estimated_cost,
    if(has_value, used.attempts, 0) AS priced,
    if(has_value, 0, used.attempts) AS unpriced,
    if(used.cache_hit AND has_value, toNullable(value), NULL) AS saved
FROM
(
    SELECT
        owned.*,
        owned.own_key
            + 16 * arrayCount(start -> start <= 60 * toMinute(owned.minute) + 3600 * toHour(owned.minute), cells.days)
            + arrayCount(start -> start <= owned.input_from, cells.tiers) AS lookup
    FROM
    (
        SELECT
            sums.*,
            if(sums.team = '*' OR startsWith(sums.team, 'account:') OR startsWith(sums.team, 'capacity:'), 0, cityHash64(sums.team, sums.price_key)) AS team_key,
            multiIf(
                sums.usage_kind = 9, sums.payer_key,
                sums.payer_key IN (SELECT own_key FROM prices_at(version = {version:UInt32}) WHERE team != ''), sums.payer_key,
                team_key IN (SELECT own_key FROM prices_at(version = {version:UInt32}) WHERE team != ''), team_key,
                sums.price_key) AS own_key
        FROM
        (
            SELECT * EXCEPT (cost, estimated_cost, priced, unpriced, saved, version, deleted), cost AS was_cost, priced AS was_priced, saved AS was_saved, version AS was_version
            FROM call_minutes FINAL
            WHERE {anew:UInt8} = 0 AND minute >= {start:DateTime} AND minute < {end:DateTime}
            UNION ALL
            SELECT *, NULL AS was_cost, 0 AS was_priced, NULL AS was_saved, toDateTime64(0, 6, 'UTC') AS was_version
            FROM used_minutes_at(anew = {anew:UInt8}, start = {start:DateTime}, end = {end:DateTime})
        ) AS sums
    ) AS owned
    ANY LEFT JOIN price_cells_at(version = {version:UInt32}) AS cells ON owned.own_key = cells.own_key
) AS used
ASOF LEFT JOIN prices_at(version = {version:UInt32}) AS prices
    ON used.lookup = prices.lookup_key AND used.minute >= prices.starts_at;

-- One row of call_periods = the calls of one minute (grain 60) that share the dimensions and their price, or of one hour
-- (grain 3600) that share the dimensions.
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

DROP TABLE IF EXISTS staged_costs
