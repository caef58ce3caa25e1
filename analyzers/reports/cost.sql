-- One row = what the calls with these dimensions cost; a dimension that is switched off is empty.
-- The time is start ≤ t < end: whole hours from hours_from to hours_to, minutes for the rest.
SELECT
    if({by_team:Bool}, periods.team, '') AS team,
    if({by_app:Bool}, periods.app, '') AS app,
    if({by_feature:Bool}, periods.feature, '') AS feature,
    if({by_environment:Bool}, periods.environment, '') AS environment,
    if({by_provider:Bool}, periods.provider, '') AS provider,
    if({by_model:Bool}, periods.model, '') AS model,
    if({by_operation:Bool}, periods.operation, '') AS operation,
    if(sum(periods.priced) = 0 AND sum(periods.cost) = 0 AND sum(periods.attempts) > 0, NULL, sum(periods.cost)) AS cost_usd,
    sum(periods.estimated_cost) AS estimated_usd,
    sum(periods.attempts) AS attempts,
    sum(periods.priced) / nullIf(attempts, 0) AS priced_share,
    sum(periods.input_tokens) AS input_tokens,
    sum(periods.output_tokens) AS output_tokens
FROM call_periods AS periods
WHERE (grain = 3600 AND time >= {hours_from:DateTime} AND time < {hours_to:DateTime})
    OR (grain = 60 AND time >= {start:DateTime} AND time < {hours_from:DateTime})
    OR (grain = 60 AND time >= {hours_to:DateTime} AND time < {end:DateTime})
GROUP BY team, app, feature, environment, provider, model, operation
ORDER BY cost_usd DESC NULLS LAST, attempts DESC, team, app, feature, environment, provider, model, operation
LIMIT {rows:UInt64}
