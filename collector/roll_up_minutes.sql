-- One row = the calls of one touched minute that share the dimensions and their price, from de-duplicated facts.
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
    {version:DateTime64(6)},
    0
FROM priced_minutes_at(version = (SELECT max(number) FROM cost_versions), anew = 1, start = {first:DateTime}, end = {after:DateTime})
WHERE minute IN {minutes:Array(DateTime)}
SETTINGS max_threads = 1
