-- One row = one made-up HTTP attempt; `calls` of them lie evenly in the 24 hours before `end`, busier by day than by night.
INSERT INTO ingest
(
    call_id, operation_id, attempt, is_final, producer_id, seq, schema_version, started_at, duration_ms, operation_ms,
    time_to_first_token_ms, team, app, feature, environment, provider, operation, model_requested, model_responded, stream,
    input_tokens, cache_read_tokens, cache_write_5m_tokens, output_tokens, reasoning_tokens, usage_source,
    provider_reported_cost, status, http_status, received_at
)
WITH
    number AS n,
    cityHash64(n, 1) AS dice,
    dice % 97 AS person,
    -- the inverse of a day curve: more calls around the middle of the range
    (n + 0.5) / {calls:UInt64} AS place,
    place + 0.11 * sin(2 * pi() * place) AS moment,
    multiIf(person < 38, 1, person < 62, 2, person < 80, 3, person < 92, 4, 5) AS group,
    ['search', 'support', 'growth', 'platform', ''][group] AS team_name,
    cityHash64(n, 2) % 3 AS app_number,
    1 + cityHash64(n, 3) % 4 AS model_number,
    ['openai', 'openai', 'anthropic', 'anthropic'][model_number] AS maker,
    ['gpt-5.2', 'gpt-5.2-mini', 'claude-sonnet-5', 'claude-haiku-5-5'][model_number] AS model_name,
    cityHash64(n, 4) % 1000 AS luck,
    moment > 0.62 AND moment < 0.68 AND maker = 'anthropic' AS crowded,
    multiIf(luck < if(crowded, 160, 9), 'rate_limited', luck >= 1000 - if(model_number = 2, 14, 4), 'server_error', 'ok') AS outcome,
    200 + cityHash64(n, 5) % 2800 AS input,
    20 + cityHash64(n, 6) % 700 AS output,
    exp(6.1 + 0.55 * model_number % 3 + 1.6 * (cityHash64(n, 7) % 1000) / 1000 + if(crowded, 0.6, 0)) AS took
SELECT
    generateUUIDv7(n), generateUUIDv7(n + 1), 1, outcome != 'rate_limited', concat('process-', toString(n % 4)), intDiv(n, 4) + 1, 1,
    fromUnixTimestamp64Micro(toInt64(1e6 * (toUnixTimestamp({end:DateTime}) - 86400 * (1 - moment)))), took, took * 1.05,
    if(dice % 3 = 0, NULL, took * 0.22), team_name,
    if(team_name = '', '', concat(team_name, ['-api', '-batch', '-chat'][1 + app_number])),
    ['answer', 'summarise'][1 + dice % 2], 'production', maker, 'chat', model_name, model_name, dice % 3 != 0,
    if(outcome = 'ok', input, NULL), if(outcome = 'ok', intDiv(input, 3), NULL), if(outcome = 'ok', intDiv(input, 11), NULL),
    if(outcome = 'ok', output, NULL), if(outcome = 'ok', intDiv(output, 4), NULL), if(outcome = 'ok', 'provider', 'missing'),
    if(outcome = 'ok' AND luck % 61 != 7, toDecimal128((input * 0.8 + output * 3.1) * [2.5, 0.4, 3, 1][model_number] / 1e6, 12), NULL),
    outcome, multiIf(outcome = 'ok', 200, outcome = 'rate_limited', 429, 500), now64(3)
FROM numbers({calls:UInt64})
