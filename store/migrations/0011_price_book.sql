-- One row of price_updates = one change of the price book: what came from where, and how much of it. Append-only.
CREATE TABLE IF NOT EXISTS price_updates
(
    number UInt32,
    layer LowCardinality(String),
    name String,
    digest String,
    statements UInt32,
    reason String,
    recorded_at DateTime64(3, 'UTC')
)
ENGINE = MergeTree
ORDER BY number;

-- One row of price_statements = the rates of one model in one context, as one update of the price book states them, for
-- calls that start in [valid_from, valid_to), in seconds [day_from, day_to) of the UTC day, with input_tokens in
-- [input_from, input_to). Rates are US dollars per million tokens (request_rate: per million requests); NULL = no such
-- meter. team is whose contract it is, empty for everyone. Where statements of one layer overlap the later one holds;
-- a contract is above an override, and that above the seed. A row with a discount, a share of 1, has no rates: it takes
-- so much off what would hold without it, model and context being patterns. Append-only: nothing is ever overwritten.
CREATE TABLE IF NOT EXISTS price_statements
(
    update_number UInt32,
    position UInt32,
    layer LowCardinality(String),
    team LowCardinality(String),
    price_key UInt64,
    provider LowCardinality(String),
    model LowCardinality(String),
    context LowCardinality(String),
    valid_from DateTime('UTC'),
    valid_to DateTime('UTC'),
    day_from UInt32,
    day_to UInt32,
    input_from UInt64,
    input_to UInt64,
    input_rate Nullable(Decimal(18, 6)),
    cache_read_rate Nullable(Decimal(18, 6)),
    cache_write_5m_rate Nullable(Decimal(18, 6)),
    cache_write_1h_rate Nullable(Decimal(18, 6)),
    output_rate Nullable(Decimal(18, 6)),
    reasoning_rate Nullable(Decimal(18, 6)),
    input_audio_rate Nullable(Decimal(18, 6)),
    cache_read_audio_rate Nullable(Decimal(18, 6)),
    output_audio_rate Nullable(Decimal(18, 6)),
    input_image_rate Nullable(Decimal(18, 6)),
    output_image_rate Nullable(Decimal(18, 6)),
    request_rate Nullable(Decimal(18, 6)),
    discount Nullable(Decimal(9, 6)),
    source LowCardinality(String),
    reference LowCardinality(String),
    confidence LowCardinality(String),
    recorded_at DateTime64(3, 'UTC')
)
ENGINE = MergeTree
ORDER BY (update_number, position);

-- One row of cost_versions = from which update of the price book on the calls of a span of time are priced with what was
-- known then, and why. A later version replaces an earlier one where they overlap. Append-only.
CREATE TABLE IF NOT EXISTS cost_versions
(
    number UInt32,
    update_number UInt32,
    calls_from DateTime('UTC'),
    calls_to DateTime('UTC'),
    kind LowCardinality(String),
    reason String,
    created_at DateTime64(3, 'UTC')
)
ENGINE = MergeTree
ORDER BY number;

-- One row of cost_changes = what one cost version, made by re-pricing, changed of one team's and model's calls of one month.
-- Append-only: it is the trail of every change of a cost.
CREATE TABLE IF NOT EXISTS cost_changes
(
    cost_version UInt32,
    month Date,
    team LowCardinality(String),
    model LowCardinality(String),
    attempts UInt64,
    priced_before UInt64,
    priced_after UInt64,
    cost_before Nullable(Decimal(38, 12)),
    cost_after Nullable(Decimal(38, 12)),
    reason String,
    created_at DateTime64(3, 'UTC')
)
ENGINE = MergeTree
ORDER BY (cost_version, month, team, model);

-- One row of staged_costs = what the calls of one minute that share the dimensions cost under a cost version that is being
-- tried or made; it is deleted when that is done.
CREATE TABLE IF NOT EXISTS staged_costs
(
    cost_version UInt32,
    minute DateTime('UTC'),
    team LowCardinality(String),
    app LowCardinality(String),
    feature LowCardinality(String),
    environment LowCardinality(String),
    provider LowCardinality(String),
    model LowCardinality(String),
    operation LowCardinality(String),
    attempts UInt64,
    cost Nullable(Decimal(38, 12)),
    estimated_cost Decimal(38, 12),
    priced UInt64,
    unpriced UInt64,
    saved Nullable(Decimal(38, 12))
)
ENGINE = MergeTree
ORDER BY (cost_version, minute);

-- One row of effective_prices = what holds under one cost version for calls of one price key that start in
-- [starts_at, ends_at) and fall into one cell: a number of the span of the UTC day and of input_tokens. Made from
-- price_statements and cost_versions. Rates are picodollars per token, whole numbers; a meter without a rate of its own
-- has that of the meter that contains it. lacks_input and lacks_output: there is no rate for such tokens at all.
-- lookup_key is price_key, or for the contract of a team a number of its own, plus the cell.
CREATE TABLE IF NOT EXISTS effective_prices
(
    cost_version UInt32,
    team LowCardinality(String),
    price_key UInt64,
    cell UInt16,
    lookup_key UInt64 MATERIALIZED if(team = '', price_key, cityHash64(team, price_key)) + cell,
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
    source LowCardinality(String)
)
ENGINE = MergeTree
ORDER BY (cost_version, price_key, team, cell, starts_at);

-- The counts of one call as whole numbers that do not overlap: every token is in one of them. They are worked out when a
-- row is written, so that pricing need not. usage_is_contradictory: a part is larger than its whole, or the call has more
-- than a hundred million tokens, which is no count but an error; so no product of pricing overflows.
ALTER TABLE llm_calls
    ADD COLUMN IF NOT EXISTS written_5m Int64 MATERIALIZED toInt64(least(ifNull(cache_write_5m_tokens, 0), 1000000000)),
    ADD COLUMN IF NOT EXISTS written_1h Int64 MATERIALIZED toInt64(least(ifNull(cache_write_1h_tokens, 0), 1000000000)),
    ADD COLUMN IF NOT EXISTS cached_audio Int64 MATERIALIZED toInt64(least(ifNull(cache_read_audio_tokens, 0), 1000000000)),
    ADD COLUMN IF NOT EXISTS cached_text Int64 MATERIALIZED toInt64(least(ifNull(cache_read_tokens, 0), 1000000000)) - cached_audio,
    ADD COLUMN IF NOT EXISTS fresh_audio Int64 MATERIALIZED toInt64(least(ifNull(input_audio_tokens, 0), 1000000000)) - cached_audio,
    ADD COLUMN IF NOT EXISTS input_image Int64 MATERIALIZED toInt64(least(ifNull(input_image_tokens, 0), 1000000000)),
    ADD COLUMN IF NOT EXISTS fresh_text Int64 MATERIALIZED
        toInt64(least(ifNull(input_tokens, 0), 1000000000)) - cached_text - cached_audio - written_5m - written_1h - fresh_audio - input_image,
    ADD COLUMN IF NOT EXISTS output_audio Int64 MATERIALIZED toInt64(least(ifNull(output_audio_tokens, 0), 1000000000)),
    ADD COLUMN IF NOT EXISTS output_image Int64 MATERIALIZED toInt64(least(ifNull(output_image_tokens, 0), 1000000000)),
    ADD COLUMN IF NOT EXISTS reasoning Int64 MATERIALIZED toInt64(least(ifNull(reasoning_tokens, 0), 1000000000)),
    ADD COLUMN IF NOT EXISTS output_text Int64 MATERIALIZED toInt64(least(ifNull(output_tokens, 0), 1000000000)) - output_audio - output_image - reasoning,
    ADD COLUMN IF NOT EXISTS usage_is_contradictory UInt8 MATERIALIZED
        greatest(ifNull(input_tokens, 0), ifNull(output_tokens, 0)) > 100000000
        OR least(fresh_text, cached_text, fresh_audio, output_text) < 0;

-- One row of priced_calls_at = one de-duplicated HTTP attempt with its cost under one cost version; what is superseded is
-- left out. cost is NULL, never 0, when it is not known; cost_status says why. A hit of the app's own cache costs 0; saved is
-- what an answer of the provider would have cost, NULL for all other rows.
CREATE OR REPLACE VIEW priced_calls_at AS
SELECT
    calls.* EXCEPT (tiers, days, has_contract, lookup),
    if(calls.model_responded != '', calls.model_responded, calls.model_requested) AS model,
    calls.fresh_text * prices.input_rate
        + calls.cached_text * prices.cache_read_rate
        + calls.written_5m * prices.cache_write_5m_rate
        + calls.written_1h * prices.cache_write_1h_rate
        + calls.fresh_audio * prices.input_audio_rate
        + calls.cached_audio * prices.cache_read_audio_rate
        + calls.input_image * prices.input_image_rate
        + calls.output_text * prices.output_rate
        + calls.reasoning * prices.reasoning_rate
        + calls.output_audio * prices.output_audio_rate
        + calls.output_image * prices.output_image_rate
        + prices.request_rate AS picodollars,
    prices.input_rate AS input_picodollars,
    prices.cache_read_rate AS cache_read_picodollars,
    multiIf(
        calls.provider_reported_cost IS NOT NULL, 1,
        calls.operation = 'count_tokens', 2,
        calls.usage_source = 'missing' AND ifNull(calls.http_status, 0) >= 400, 2,
        calls.usage_source = 'missing', 3,
        prices.ends_at <= calls.started_at, 4,
        calls.usage_is_contradictory, 5,
        (prices.lacks_input AND ifNull(calls.input_tokens, 0) > 0) OR (prices.lacks_output AND ifNull(calls.output_tokens, 0) > 0), 6,
        calls.usage_source = 'estimated', 7,
        8) AS value_kind,
    ['provider_reported', 'free', 'missing_usage', 'unpriced', 'contradictory', 'partial', 'estimated', 'priced'][value_kind] AS value_status,
    value_kind IN (1, 2, 7, 8) AS has_value,
    toDecimal128(if(value_kind > 6, picodollars, 0), 0) * toDecimal128('0.000000000001', 12)
        + ifNull(calls.provider_reported_cost, toDecimal128(0, 12)) AS known_value,
    if(calls.cache_hit, 'cache_hit', value_status) AS cost_status,
    if(has_value OR calls.cache_hit, if(calls.cache_hit, toDecimal128(0, 12), known_value), NULL) AS cost,
    if(has_value AND calls.cache_hit, known_value, NULL) AS saved
FROM
(
    SELECT
        facts.*,
        cells.tiers AS tiers,
        cells.days AS days,
        (facts.team, facts.price_key) IN (SELECT team, price_key FROM effective_prices WHERE cost_version = {version:UInt32} AND team != '') AS has_contract,
        if(has_contract, cityHash64(facts.team, facts.price_key), facts.price_key)
            + if(empty(days), 0, 16 * arrayCount(start -> start <= toSecond(facts.started_at) + 60 * toMinute(facts.started_at) + 3600 * toHour(facts.started_at), days))
            + if(empty(tiers), 0, arrayCount(start -> start <= ifNull(facts.input_tokens, 0), tiers)) AS lookup
    FROM
    (
        SELECT
            * EXCEPT (superseded),
            written_5m, written_1h, cached_audio, cached_text, fresh_audio, input_image, fresh_text,
            output_audio, output_image, reasoning, output_text, usage_is_contradictory
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
ASOF LEFT JOIN (SELECT *, lookup_key FROM effective_prices WHERE cost_version = {version:UInt32}) AS prices
    ON calls.lookup = prices.lookup_key AND calls.started_at >= prices.starts_at;

-- One row of priced_calls = one de-duplicated HTTP attempt with its cost under the newest cost version.
CREATE OR REPLACE VIEW priced_calls AS
SELECT * FROM priced_calls_at(version = (SELECT max(number) FROM cost_versions));

DROP TABLE IF EXISTS llm_prices
