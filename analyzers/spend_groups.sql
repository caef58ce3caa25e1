-- One row = the usage of one team, model, app and feature between two instants, where a cost is known; * is every team.
SELECT
    periods.team AS team,
    periods.model AS model,
    periods.app AS app,
    periods.feature AS feature,
    sum(periods.attempts) AS calls,
    sum(periods.input_tokens) + sum(periods.output_tokens) AS tokens,
    toFloat64(sum(periods.cost)) AS cost
FROM call_periods AS periods
WHERE grain = {grain:UInt16} AND periods.time >= {start:DateTime} AND periods.time < {end:DateTime}
    AND ({team:String} = '*' OR periods.team = {team:String})
GROUP BY team, model, app, feature
HAVING isNotNull(sum(periods.cost))
ORDER BY team, model, app, feature
