-- A call has, in capacity, the resource of flat cost that served it; it is empty where calls are paid by the token.
ALTER TABLE ingest ADD COLUMN IF NOT EXISTS capacity LowCardinality(String);

-- account: the provider's organisation, project or subscription that a call was billed to, as the app says.
-- payer_key: where the price is of the resource of flat cost that served the call, or else of its account; 0: it has neither.
-- dimensions: what the roll-ups tell apart, as one number, so that calls are grouped without comparing names.
-- usage_kind: what the facts alone say of the cost, numbered as the statuses of priced_calls_at.
-- used_tokens: 1 for a call with input tokens, 2 with output tokens, 3 with both.
ALTER TABLE llm_calls
    ADD COLUMN IF NOT EXISTS capacity LowCardinality(String),
    ADD COLUMN IF NOT EXISTS account LowCardinality(String) MATERIALIZED attributes['account'],
    ADD COLUMN IF NOT EXISTS payer_key UInt64 MATERIALIZED multiIf(
        capacity != '', cityHash64(concat('capacity:', capacity), price_key),
        attributes['account'] != '', cityHash64(concat('account:', attributes['account']), price_key),
        0),
    ADD COLUMN IF NOT EXISTS dimensions UInt64 MATERIALIZED
        cityHash64(team, app, feature, environment, provider, if(model_responded != '', model_responded, model_requested), operation),
    ADD COLUMN IF NOT EXISTS usage_kind UInt8 MATERIALIZED multiIf(
        provider_reported_cost IS NOT NULL AND capacity = '', 1,
        operation = 'count_tokens', 2,
        usage_source = 'missing' AND ifNull(http_status, 0) >= 400, 2,
        usage_source = 'missing', 3,
        usage_is_contradictory, 5,
        capacity != '', 9,
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
-- prices, all multiplied by the same factor, under no cost version, with `capacity:` and the resource as team. It holds for
-- later hours, at most a day, until these are worked out themselves.
CREATE TABLE IF NOT EXISTS capacity_prices
(
    cost_version UInt32,
    team LowCardinality(String),
    price_key UInt64,
    cell UInt16,
    lookup_key UInt64 MATERIALIZED cityHash64(team, price_key) + cell,
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
    lacks_input UInt8,
    lacks_output UInt8,
    source LowCardinality(String),
    computed_at DateTime64(6, 'UTC')
)
ENGINE = ReplacingMergeTree(computed_at)
ORDER BY (team, price_key, cell, starts_at);

-- One row of prices_at = a price as in effective_prices that holds under one cost version: those of the book and those of
-- resources of flat cost. own_key is its lookup_key without the cell.
CREATE OR REPLACE VIEW prices_at AS
SELECT *, toUInt64(lookup_key - cell) AS own_key
FROM
(
    SELECT *, lookup_key FROM effective_prices WHERE cost_version = {version:UInt32}
    UNION ALL
    SELECT * EXCEPT (computed_at), lookup_key FROM capacity_prices FINAL
);

-- One row of price_cells_at = where the prices of one payer and price key change with the size of the input and in the course
-- of the day, under one cost version. Prices that do not change are left out.
CREATE OR REPLACE VIEW price_cells_at AS
SELECT
    own_key,
    arrayFilter(start -> start > 0, arraySort(groupUniqArray(input_from))) AS tiers,
    arrayFilter(start -> start > 0, arraySort(groupUniqArray(day_from))) AS days
FROM prices_at(version = {version:UInt32})
GROUP BY own_key
HAVING length(tiers) + length(days) > 0;

-- One row of rated_calls_at = one de-duplicated HTTP attempt, or charge, with the price that holds for it under one cost version:
-- that of the resource of flat cost that served it, of its account's or team's contract, or of everyone. With `contracts` 0 it is the list
-- price, as if nobody had a contract and every call were paid by the token. What is superseded is left out. is_priced is 0
-- where there is no price, and is_attempt is 0 for a hit of the app's own cache and for a charge, which is a cost that is no call.
CREATE OR REPLACE VIEW rated_calls_at AS
SELECT
    calls.* EXCEPT (list_key, team_key, own_key, lookup),
    if(calls.model_responded != '', calls.model_responded, calls.model_requested) AS model,
    NOT calls.cache_hit AND calls.operation != 'charge' AS is_attempt,
    prices.ends_at > calls.started_at AS is_priced,
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
        owned.*,
        owned.own_key
            + if(empty(cells.days), 0, 16 * arrayCount(start -> start <= toSecond(owned.started_at) + 60 * toMinute(owned.started_at) + 3600 * toHour(owned.started_at), cells.days))
            + if(empty(cells.tiers), 0, arrayCount(start -> start <= ifNull(owned.input_tokens, 0), cells.tiers)) AS lookup
    FROM
    (
        SELECT
            * EXCEPT (superseded),
            written_5m, written_1h, cached_audio, cached_text, fresh_audio, input_image, fresh_text,
            output_audio, output_image, reasoning, output_text, usage_is_contradictory,
            account, payer_key, dimensions, usage_kind, used_tokens,
            cityHash64('*', price_key) AS list_key,
            if(team = '*' OR startsWith(team, 'account:') OR startsWith(team, 'capacity:'), 0, cityHash64(team, price_key)) AS team_key,
            multiIf(
                {contracts:UInt8} = 0, if(list_key IN (SELECT own_key FROM prices_at(version = {version:UInt32}) WHERE team = '*'), list_key, price_key),
                usage_kind = 9, payer_key,
                payer_key IN (SELECT own_key FROM prices_at(version = {version:UInt32}) WHERE team != ''), payer_key,
                team_key IN (SELECT own_key FROM prices_at(version = {version:UInt32}) WHERE team != ''), team_key,
                price_key) AS own_key
        FROM llm_calls FINAL
        WHERE superseded = 0
    ) AS owned
    ANY LEFT JOIN price_cells_at(version = {version:UInt32}) AS cells ON owned.own_key = cells.own_key
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
        NOT calls.is_priced, 4,
        calls.usage_kind = 5, 5,
        bitAnd(calls.used_tokens, calls.lacks_input + 2 * calls.lacks_output) != 0, 6,
        {contracts:UInt8} = 0, least(calls.usage_kind, 8),
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
