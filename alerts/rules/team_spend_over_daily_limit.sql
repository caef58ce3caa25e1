-- One row = what one team spent on one UTC day so far, and its daily limit, both in US dollars.
SELECT
    if(team = '', 'unattributed', team) AS team,
    toString(toDate({from:DateTime64(3)})) AS day,
    toFloat64(sum(cost)) AS value,
    transform(team, {limited_teams:Array(String)}, {daily_limits:Array(Float64)}, {default_daily_limit:Float64}) AS limit,
    sum(priced) / sum(attempts) AS priced_share,
    sum(attempts) AS samples
FROM call_hours FINAL
WHERE hour >= {from:DateTime64(3)} AND hour < {to:DateTime64(3)}
GROUP BY team
HAVING samples > 0
