-- A call has, in capacity, the resource of flat cost that served it; it is empty where calls are paid by the token.
ALTER TABLE ingest ADD COLUMN IF NOT EXISTS capacity LowCardinality(String);

-- account: the provider's organisation, project or subscription that a call was billed to, as the app says.
-- dimensions: what the roll-ups tell apart, as one number, so that calls are grouped without comparing names.
-- usage_kind: what the facts alone say of the cost, numbered as the statuses of priced_calls_at.
-- used_tokens: 1 for a call with input tokens, 2 with output tokens, 3 with both.
ALTER TABLE llm_calls
    ADD COLUMN IF NOT EXISTS capacity LowCardinality(String),
    ADD COLUMN IF NOT EXISTS account LowCardinality(String) MATERIALIZED attributes['account'],
    ADD COLUMN IF NOT EXISTS dimensions UInt64 MATERIALIZED
        cityHash64(team, app, feature, environment, provider, if(model_responded != '', model_responded, model_requested), operation),
    ADD COLUMN IF NOT EXISTS usage_kind UInt8 MATERIALIZED multiIf(
        provider_reported_cost IS NOT NULL AND capacity = '', 1,
        operation = 'count_tokens', 2,
        usage_source = 'missing' AND ifNull(http_status, 0) >= 400, 2,
        usage_source = 'missing', 3,
        usage_is_contradictory, 5,
        usage_source = 'estimated', 7,
        8),
    ADD COLUMN IF NOT EXISTS used_tokens UInt8 MATERIALIZED
        (ifNull(input_tokens, 0) > 0) + 2 * (ifNull(output_tokens, 0) > 0);

ALTER TABLE ingest_llm_calls MODIFY QUERY SELECT * EXCEPT (prompt, response) FROM ingest;

-- One row of capacity_hours = one hour of a resource of flat cost: what it cost, and how much of that its calls bear. idle is
-- the rest. weight is what the calls would have cost at list prices, in US dollars; utilization is NULL where it is not known.
CREATE TABLE IF NOT EXISTS capacity_hours
(
    resource LowCardinality(String),
    hour DateTime('UTC'),
    kind LowCardinality(String),
    cost Decimal(38, 12),
    used Decimal(38, 12),
    idle Decimal(38, 12),
    calls UInt64,
    input_tokens UInt64,
    output_tokens UInt64,
    weight Decimal(38, 12),
    utilization Nullable(Float64),
    computed_at DateTime64(6, 'UTC')
)
ENGINE = ReplacingMergeTree(computed_at)
PARTITION BY toYYYYMM(hour)
ORDER BY (resource, hour);

-- One row of capacity_prices = what calls of one price key bear of the cost of an hour of a resource, per token: the list
-- prices (rates as in effective_prices), all multiplied by the same factor. It holds for later hours, at most a day, until
-- these are worked out themselves.
CREATE TABLE IF NOT EXISTS capacity_prices
(
    resource LowCardinality(String),
    price_key UInt64,
    cell UInt16,
    lookup_key UInt64 MATERIALIZED cityHash64('capacity', resource, price_key) + cell,
    starts_at DateTime('UTC'),
    ends_at DateTime('UTC'),
    day_from UInt32,
    input_from UInt64,
    input_rate Int64,
    cache_read_rate Int64,
    cache_write_5m_rate Int64,
    cache_write_1h_rate Int64,
    output_rate Int64,
    reasoning_rate Int64,
    input_audio_rate Int64,
    cache_read_audio_rate Int64,
    output_audio_rate Int64,
    input_image_rate Int64,
    output_image_rate Int64,
    request_rate Int64,
    computed_at DateTime64(6, 'UTC')
)
ENGINE = ReplacingMergeTree(computed_at)
ORDER BY (resource, price_key, cell, starts_at);

-- One row of prices_at = a price as in effective_prices that holds under one cost version: those of the book and those of
-- resources of flat cost. price_id names the row.
CREATE OR REPLACE VIEW prices_at AS
SELECT
    cityHash64(lookup_key, starts_at) AS price_id,
    0 AS is_flat,
    lookup_key,
    starts_at,
    ends_at,
    day_from,
    input_from,
    input_rate,
    cache_read_rate,
    cache_write_5m_rate,
    cache_write_1h_rate,
    output_rate,
    reasoning_rate,
    input_audio_rate,
    cache_read_audio_rate,
    output_audio_rate,
    input_image_rate,
    output_image_rate,
    request_rate,
    lacks_input,
    lacks_output,
    source
FROM effective_prices
WHERE cost_version = {version:UInt32}
UNION ALL
SELECT
    cityHash64(lookup_key, starts_at) AS price_id,
    1 AS is_flat,
    lookup_key,
    starts_at,
    ends_at,
    day_from,
    input_from,
    input_rate,
    cache_read_rate,
    cache_write_5m_rate,
    cache_write_1h_rate,
    output_rate,
    reasoning_rate,
    input_audio_rate,
    cache_read_audio_rate,
    output_audio_rate,
    input_image_rate,
    output_image_rate,
    request_rate,
    0 AS lacks_input,
    0 AS lacks_output,
    resource AS source
FROM (SELECT *, lookup_key FROM capacity_prices FINAL);

-- One row of rated_calls_at = one de-duplicated HTTP attempt, or charge, with the price that holds for it under one cost version:
-- that of the resource of flat cost that served it, of its account's or team's contract, or of everyone. With `contracts` 0 it is the list
-- price, as if nobody had a contract and every call were paid by the token. What is superseded is left out. price_id is 0 where there is no price, and
-- is_attempt is 0 for a hit of the app's own cache and for a charge, which is a cost that is no call.
CREATE OR REPLACE VIEW rated_calls_at AS
SELECT
    calls.* EXCEPT (tiers, days, is_flat, account_payer, payer, has_own_price, lookup),
    if(calls.model_responded != '', calls.model_responded, calls.model_requested) AS model,
    NOT calls.cache_hit AND calls.operation != 'charge' AS is_attempt,
    if(prices.ends_at > calls.started_at, prices.price_id, 0) AS price_id,
    prices.is_flat AS is_flat,
    prices.starts_at AS price_starts_at,
    prices.input_from AS input_from,
    prices.input_rate AS input_rate,
    prices.cache_read_rate AS cache_read_rate,
    prices.cache_write_5m_rate AS cache_write_5m_rate,
    prices.cache_write_1h_rate AS cache_write_1h_rate,
    prices.output_rate AS output_rate,
    prices.reasoning_rate AS reasoning_rate,
    prices.input_audio_rate AS input_audio_rate,
    prices.cache_read_audio_rate AS cache_read_audio_rate,
    prices.output_audio_rate AS output_audio_rate,
    prices.input_image_rate AS input_image_rate,
    prices.output_image_rate AS output_image_rate,
    prices.request_rate AS request_rate,
    prices.lacks_input AS lacks_input,
    prices.lacks_output AS lacks_output,
    prices.source AS price_source
FROM
(
    SELECT
        facts.*,
        cells.tiers AS tiers,
        cells.days AS days,
        {contracts:UInt8} = 1 AND facts.capacity != '' AS is_flat,
        concat('account:', facts.account) AS account_payer,
        multiIf(
            {contracts:UInt8} = 0, '*',
            facts.account != '' AND (account_payer, facts.price_key) IN (SELECT team, price_key FROM effective_prices WHERE cost_version = {version:UInt32} AND team != ''), account_payer,
            facts.team) AS payer,
        (payer, facts.price_key) IN (SELECT team, price_key FROM effective_prices WHERE cost_version = {version:UInt32} AND team != '') AS has_own_price,
        multiIf(
            is_flat, cityHash64('capacity', facts.capacity, facts.price_key),
            has_own_price, cityHash64(payer, facts.price_key),
            facts.price_key)
            + if(empty(days), 0, 16 * arrayCount(start -> start <= toSecond(facts.started_at) + 60 * toMinute(facts.started_at) + 3600 * toHour(facts.started_at), days))
            + if(empty(tiers), 0, arrayCount(start -> start <= ifNull(facts.input_tokens, 0), tiers)) AS lookup
    FROM
    (
        SELECT
            * EXCEPT (superseded),
            written_5m, written_1h, cached_audio, cached_text, fresh_audio, input_image, fresh_text,
            output_audio, output_image, reasoning, output_text, usage_is_contradictory,
            account, dimensions, usage_kind, used_tokens
        FROM llm_calls FINAL
        WHERE superseded = 0
    ) AS facts
    ANY LEFT JOIN
    (
        SELECT
            price_key,
            arrayFilter(start -> start > 0, arraySort(groupUniqArray(input_from))) AS tiers,
            arrayFilter(start -> start > 0, arraySort(groupUniqArray(day_from))) AS days
        FROM effective_prices
        WHERE cost_version = {version:UInt32}
        GROUP BY price_key
        HAVING length(tiers) + length(days) > 0
    ) AS cells ON facts.price_key = cells.price_key
) AS calls
ASOF LEFT JOIN prices_at(version = {version:UInt32}) AS prices
    ON calls.lookup = prices.lookup_key AND calls.started_at >= prices.starts_at;

-- One row of priced_calls_at = one of rated_calls_at with its cost. cost is NULL, never 0, when it is not known; cost_status
-- says why. A hit of the app's own cache costs 0; saved is what an answer of the provider would have cost, NULL for all
-- other rows. A Decimal(38, 12) of US dollars is kept as the whole number of its picodollars, so one is read as the other.
CREATE OR REPLACE VIEW priced_calls_at AS
SELECT
    calls.*,
    calls.fresh_text * calls.input_rate
        + calls.cached_text * calls.cache_read_rate
        + calls.written_5m * calls.cache_write_5m_rate
        + calls.written_1h * calls.cache_write_1h_rate
        + calls.fresh_audio * calls.input_audio_rate
        + calls.cached_audio * calls.cache_read_audio_rate
        + calls.input_image * calls.input_image_rate
        + calls.output_text * calls.output_rate
        + calls.reasoning * calls.reasoning_rate
        + calls.output_audio * calls.output_audio_rate
        + calls.output_image * calls.output_image_rate
        + calls.request_rate AS picodollars,
    multiIf(
        calls.usage_kind < 4, calls.usage_kind,
        calls.price_id = 0, 4,
        calls.usage_kind = 5, 5,
        bitAnd(calls.used_tokens, calls.lacks_input + 2 * calls.lacks_output) != 0, 6,
        calls.is_flat, 9,
        calls.usage_kind) AS value_kind,
    ['provider_reported', 'free', 'missing_usage', 'unpriced', 'contradictory', 'partial', 'estimated', 'priced', 'flat'][value_kind] AS value_status,
    value_kind IN (1, 2, 7, 8, 9) AS has_value,
    reinterpret(toInt128(if(value_kind > 6, picodollars, 0)), 'Decimal(38, 12)')
        + if(value_kind = 1, ifNull(calls.provider_reported_cost, toDecimal128(0, 12)), toDecimal128(0, 12)) AS known_value,
    if(calls.cache_hit, 'cache_hit', value_status) AS cost_status,
    if(has_value OR calls.cache_hit, if(calls.cache_hit, toDecimal128(0, 12), known_value), NULL) AS cost,
    if(has_value AND calls.cache_hit, known_value, NULL) AS saved
FROM rated_calls_at(version = {version:UInt32}, contracts = {contracts:UInt8}) AS calls;

-- One row of priced_calls = one de-duplicated HTTP attempt with its cost under the newest cost version.
CREATE OR REPLACE VIEW priced_calls AS
SELECT * FROM priced_calls_at(version = (SELECT max(number) FROM cost_versions), contracts = 1)
