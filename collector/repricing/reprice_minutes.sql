-- One row = a row of a span of time as it was rolled up, with what it costs under a cost version, where that differs.
-- Its version is the next one only: what is rolled up meanwhile, perhaps from more calls, is newer.
INSERT INTO call_minutes
(
    minute, team, app, feature, environment, provider, model, operation, attempts, operations, failed_operations, ok,
    rate_limited, errors, input_tokens, cache_read_tokens, cache_write_tokens, output_tokens, reasoning_tokens, cost,
    estimated_cost, priced, unpriced, cache_hits, saved, duration, felt, first_token, price_key, payer_key, usage_kind,
    used_tokens, cache_hit, input_from, most_input, fresh_text, cached_text, written_5m, written_1h, fresh_audio,
    cached_audio, input_image, output_text, reasoning, output_audio, output_image, reported, version, deleted
)
SELECT
    minute, team, app, feature, environment, provider, model, operation, attempts, operations, failed_operations, ok,
    rate_limited, errors, input_tokens, cache_read_tokens, cache_write_tokens, output_tokens, reasoning_tokens, cost,
    estimated_cost, priced, unpriced, cache_hits, saved, duration, felt, first_token, price_key, payer_key, usage_kind,
    used_tokens, cache_hit, input_from, most_input, fresh_text, cached_text, written_5m, written_1h, fresh_audio,
    cached_audio, input_image, output_text, reasoning, output_audio, output_image, reported,
    was_version + toIntervalMicrosecond(1),
    0
FROM priced_minutes_at(version = {version:UInt32}, anew = 0, start = {start:DateTime}, end = {end:DateTime})
WHERE usage_kind != 0 AND (cost, priced, saved) IS DISTINCT FROM (was_cost, was_priced, was_saved)
