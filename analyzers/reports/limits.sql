-- One row = which share of the attempts with these dimensions failed; a dimension that is switched off is empty.
-- The time is start ≤ t < end: whole hours from hours_from to hours_to, minutes for the rest.
SELECT
    if({by_team:Bool}, periods.team, '') AS team,
    if({by_app:Bool}, periods.app, '') AS app,
    if({by_feature:Bool}, periods.feature, '') AS feature,
    if({by_environment:Bool}, periods.environment, '') AS environment,
    if({by_provider:Bool}, periods.provider, '') AS provider,
    if({by_model:Bool}, periods.model, '') AS model,
    if({by_operation:Bool}, periods.operation, '') AS operation,
    sum(periods.attempts) AS attempts,
    sum(periods.rate_limited) AS rate_limited,
    sum(periods.rate_limited) / nullIf(attempts, 0) AS rate_limited_ratio,
    sum(periods.errors) AS errors,
    sum(periods.errors) / nullIf(attempts, 0) AS error_ratio
FROM call_periods AS periods
WHERE (grain = 3600 AND time >= {hours_from:DateTime} AND time < {hours_to:DateTime})
    OR (grain = 60 AND time >= {start:DateTime} AND time < {hours_from:DateTime})
    OR (grain = 60 AND time >= {hours_to:DateTime} AND time < {end:DateTime})
GROUP BY team, app, feature, environment, provider, model, operation
HAVING sum(periods.attempts) > 0
ORDER BY rate_limited_ratio DESC, error_ratio DESC, attempts DESC, team, app, feature, environment, provider, model, operation
