-- A row of llm_calls without a producer came second-hand, from a tracer or a proxy. Where a hook tells of the same call, or
-- another such row did first, the roll-up writes a newer version of it that is superseded: it stays, and counts nowhere.
ALTER TABLE llm_calls ADD COLUMN IF NOT EXISTS superseded UInt8 DEFAULT 0;

-- One row of priced_calls = one de-duplicated HTTP attempt with its cost at the price that was valid when it started; what
-- is superseded is left out. cost is NULL, never 0, when it is not known; cost_status says why. A token bucket without a rate of its own is
-- charged at the rate of the bucket that contains it. Tokens are decimals of 38 digits: no count, however wrong, overflows.
-- A hit of the app's own cache costs 0; saved is what an answer of the provider would have cost, NULL for all other rows.
CREATE OR REPLACE VIEW priced_calls AS
SELECT
    calls.*,
    if(calls.model_responded != '', calls.model_responded, calls.model_requested) AS model,
    toDecimal128(ifNull(calls.input_tokens, 0), 0) AS all_input,
    toDecimal128(ifNull(calls.cache_read_tokens, 0), 0) AS all_cache_read,
    toDecimal128(ifNull(calls.cache_write_5m_tokens, 0), 0) AS written_5m,
    toDecimal128(ifNull(calls.cache_write_1h_tokens, 0), 0) AS written_1h,
    toDecimal128(ifNull(calls.cache_read_audio_tokens, 0), 0) AS cached_audio,
    toDecimal128(ifNull(calls.input_audio_tokens, 0), 0) - cached_audio AS fresh_audio,
    toDecimal128(ifNull(calls.input_image_tokens, 0), 0) AS input_image,
    toDecimal128(ifNull(calls.output_audio_tokens, 0), 0) AS output_audio,
    toDecimal128(ifNull(calls.output_image_tokens, 0), 0) AS output_image,
    toDecimal128(ifNull(calls.reasoning_tokens, 0), 0) AS reasoning,
    all_cache_read - cached_audio AS cached_text,
    all_input - all_cache_read - written_5m - written_1h - fresh_audio - input_image AS fresh_text,
    toDecimal128(ifNull(calls.output_tokens, 0), 0) - output_audio - output_image - reasoning AS output_text,
    (
        fresh_text * prices.input_rate
        + cached_text * coalesce(prices.cache_read_rate, prices.input_rate)
        + written_5m * coalesce(prices.cache_write_5m_rate, prices.input_rate)
        + written_1h * coalesce(prices.cache_write_1h_rate, prices.cache_write_5m_rate, prices.input_rate)
        + fresh_audio * coalesce(prices.input_audio_rate, prices.input_rate)
        + cached_audio * coalesce(prices.cache_read_audio_rate, prices.cache_read_rate, prices.input_audio_rate, prices.input_rate)
        + input_image * coalesce(prices.input_image_rate, prices.input_rate)
        + if(output_text = 0, toDecimal64(0, 6), output_text * prices.output_rate)
        + if(reasoning = 0, toDecimal64(0, 6), reasoning * coalesce(prices.reasoning_rate, prices.output_rate))
        + if(output_audio = 0, toDecimal64(0, 6), output_audio * coalesce(prices.output_audio_rate, prices.output_rate))
        + if(output_image = 0, toDecimal64(0, 6), output_image * coalesce(prices.output_image_rate, prices.output_rate))
    ) * toDecimal128('0.000001', 6)
    + coalesce(prices.request_rate, toDecimal64(0, 6)) * toDecimal128('0.000001', 6) AS list_cost,
    multiIf(
        calls.provider_reported_cost IS NOT NULL, 'provider_reported',
        calls.operation = 'count_tokens', 'free',
        calls.usage_source = 'missing' AND calls.http_status >= 400, 'free',
        calls.usage_source = 'missing', 'missing_usage',
        calls.price_key = 0 OR prices.price_key = 0, 'unpriced',
        least(fresh_text, cached_text, fresh_audio, output_text) < 0, 'contradictory',
        list_cost IS NULL, 'partial',
        calls.usage_source = 'estimated', 'estimated',
        'priced') AS value_status,
    multiIf(
        value_status = 'provider_reported', calls.provider_reported_cost,
        value_status = 'free', toNullable(toDecimal128(0, 12)),
        value_status IN ('priced', 'estimated'), list_cost,
        NULL) AS value,
    if(calls.cache_hit, 'cache_hit', value_status) AS cost_status,
    if(calls.cache_hit, toNullable(toDecimal128(0, 12)), value) AS cost,
    if(calls.cache_hit, value, NULL) AS saved
FROM (SELECT * EXCEPT (superseded) FROM llm_calls FINAL WHERE superseded = 0) AS calls
LEFT JOIN (SELECT * FROM llm_prices FINAL) AS prices
    ON calls.price_key = prices.price_key
    AND calls.started_at >= prices.valid_from
    AND calls.started_at < prices.valid_to
    AND toSecond(calls.started_at) + 60 * toMinute(calls.started_at) + 3600 * toHour(calls.started_at) >= prices.day_from
    AND toSecond(calls.started_at) + 60 * toMinute(calls.started_at) + 3600 * toHour(calls.started_at) < prices.day_to
    AND ifNull(calls.input_tokens, 0) >= prices.input_from
    AND ifNull(calls.input_tokens, 0) < prices.input_to;
