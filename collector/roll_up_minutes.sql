-- One row = the calls of one touched minute that share the dimensions, from de-duplicated, priced facts.
INSERT INTO call_minutes
SELECT
    toStartOfMinute(calls.started_at) AS minute,
    team,
    app,
    feature,
    environment,
    provider,
    model,
    operation,
    count() AS attempts,
    countIf(calls.is_final) AS operations,
    countIf(calls.is_final AND calls.status != 'ok') AS failed_operations,
    countIf(calls.status = 'ok') AS ok,
    countIf(calls.status = 'rate_limited') AS rate_limited,
    countIf(calls.status NOT IN ('ok', 'rate_limited', 'cancelled')) AS errors,
    sum(ifNull(calls.input_tokens, 0)) AS input_tokens,
    sum(ifNull(calls.cache_read_tokens, 0)) AS cache_read_tokens,
    sum(ifNull(calls.cache_write_5m_tokens, 0) + ifNull(calls.cache_write_1h_tokens, 0)) AS cache_write_tokens,
    sum(ifNull(calls.output_tokens, 0)) AS output_tokens,
    sum(ifNull(calls.reasoning_tokens, 0)) AS reasoning_tokens,
    sum(calls.cost) AS cost,
    countIf(calls.cost IS NOT NULL) AS priced,
    countIf(calls.cost IS NULL) AS unpriced,
    quantilesTDigestStateIf(0.5, 0.95, 0.99)(calls.duration_ms, calls.status = 'ok') AS duration,
    quantilesTDigestStateIf(0.5, 0.95, 0.99)(ifNull(calls.operation_ms, calls.duration_ms), calls.is_final) AS felt,
    quantilesTDigestState(0.5, 0.95, 0.99)(calls.time_to_first_token_ms) AS first_token,
    {version:DateTime64(6)} AS version,
    0 AS deleted
FROM priced_calls AS calls
WHERE calls.started_at >= {first:DateTime64(3)}
    AND calls.started_at < {after:DateTime64(3)}
    AND toStartOfMinute(calls.started_at) IN {minutes:Array(DateTime)}
GROUP BY minute, team, app, feature, environment, provider, model, operation
SETTINGS max_threads = 1
