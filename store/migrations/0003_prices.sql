-- One row of llm_prices = the rates of one model in one context (batch, flex, …) for calls that start in
-- [valid_from, valid_to), in seconds [day_from, day_to) of the UTC day, with input_tokens in [input_from, input_to).
-- Rates are US dollars per million tokens (request_rate: per million requests); NULL = no such meter.
-- Rows are dated facts: they are appended, never overwritten.
CREATE TABLE IF NOT EXISTS llm_prices
(
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
    source LowCardinality(String),
    recorded_at DateTime('UTC')
)
ENGINE = ReplacingMergeTree(recorded_at)
ORDER BY (price_key, valid_from, day_from, input_from);
