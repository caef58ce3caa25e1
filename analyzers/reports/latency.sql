-- One row = how long apps waited with these dimensions, milliseconds; a dimension that is switched off is empty.
-- The time is start ≤ t < end: whole hours from hours_from to hours_to, minutes for the rest.
SELECT
    if({by_team:Bool}, periods.team, '') AS team,
    if({by_app:Bool}, periods.app, '') AS app,
    if({by_feature:Bool}, periods.feature, '') AS feature,
    if({by_environment:Bool}, periods.environment, '') AS environment,
    if({by_provider:Bool}, periods.provider, '') AS provider,
    if({by_model:Bool}, periods.model, '') AS model,
    if({by_operation:Bool}, periods.operation, '') AS operation,
    sum(periods.operations) AS operations,
    quantilesTDigestMerge(0.5, 0.95, 0.99)(periods.felt) AS felt,
    quantilesTDigestMerge(0.5, 0.95, 0.99)(periods.first_token) AS first,
    if(isFinite(felt[1]), felt[1], NULL) AS felt_p50_ms,
    if(isFinite(felt[2]), felt[2], NULL) AS felt_p95_ms,
    if(isFinite(felt[3]), felt[3], NULL) AS felt_p99_ms,
    if(isFinite(first[1]), first[1], NULL) AS first_token_p50_ms,
    if(isFinite(first[2]), first[2], NULL) AS first_token_p95_ms,
    if(isFinite(first[3]), first[3], NULL) AS first_token_p99_ms
FROM call_periods AS periods
WHERE (grain = 3600 AND time >= {hours_from:DateTime} AND time < {hours_to:DateTime})
    OR (grain = 60 AND time >= {start:DateTime} AND time < {hours_from:DateTime})
    OR (grain = 60 AND time >= {hours_to:DateTime} AND time < {end:DateTime})
GROUP BY team, app, feature, environment, provider, model, operation
HAVING sum(periods.attempts) > 0
ORDER BY felt_p95_ms DESC NULLS LAST, team, app, feature, environment, provider, model, operation
