-- One row = what the calls of one minute that share the dimensions cost under a cost version.
INSERT INTO staged_costs
SELECT
    {version:UInt32} AS cost_version,
    toStartOfMinute(calls.started_at) AS minute,
    team,
    app,
    feature,
    environment,
    provider,
    model,
    operation,
    countIf(NOT calls.cache_hit) AS attempts,
    if(countIf(calls.cost IS NOT NULL AND NOT calls.cache_hit) = 0 AND countIf(NOT calls.cache_hit) > 0, NULL, sum(calls.cost)) AS cost,
    ifNull(sumIf(calls.cost, calls.cost_status = 'estimated'), toDecimal128(0, 12)) AS estimated_cost,
    countIf(calls.cost IS NOT NULL AND NOT calls.cache_hit) AS priced,
    countIf(calls.cost IS NULL) AS unpriced,
    sum(calls.saved) AS saved
FROM priced_calls_at(version = {version:UInt32}) AS calls
WHERE calls.started_at >= {start:DateTime} AND calls.started_at < {end:DateTime}
GROUP BY minute, team, app, feature, environment, provider, model, operation
