-- One row = the calls of one touched minute that share the dimensions, from de-duplicated, priced facts.
-- A hit of an app's own cache is no attempt, nor is a charge; a duration of 0 is not known. A hit costs 0, which says nothing
-- of the cost of attempts: where no attempt has a known one, the cost of all is unknown.
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
    if(countIf(calls.cost IS NOT NULL AND calls.is_attempt) = 0 AND countIf(calls.is_attempt) > 0, NULL, sum(calls.cost)) AS cost,
    ifNull(sumIf(calls.cost, calls.cost_status = 'estimated'), toDecimal128(0, 12)) AS estimated_cost,
    countIf(calls.cost IS NOT NULL AND calls.is_attempt) AS priced,
    countIf(calls.cost IS NULL) AS unpriced,
    countIf(calls.cache_hit) AS cache_hits,
    sum(calls.saved) AS saved,
    quantilesTDigestStateIf(0.5, 0.95, 0.99)(calls.duration_ms, calls.status = 'ok' AND calls.duration_ms > 0) AS duration,
    quantilesTDigestStateIf(0.5, 0.95, 0.99)(ifNull(calls.operation_ms, calls.duration_ms), calls.is_final AND calls.duration_ms > 0) AS felt,
    quantilesTDigestState(0.5, 0.95, 0.99)(calls.time_to_first_token_ms) AS first_token,
    {version:DateTime64(6)} AS version,
    0 AS deleted
FROM priced_calls AS calls
WHERE calls.started_at >= {first:DateTime64(3)}
    AND calls.started_at < {after:DateTime64(3)}
    AND toStartOfMinute(calls.started_at) IN {minutes:Array(DateTime)}
GROUP BY minute, team, app, feature, environment, provider, model, operation
SETTINGS max_threads = 1
