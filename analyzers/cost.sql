-- One row = what one team spent on one model in the window; cost is NULL when there is none that is known.
SELECT
    team,
    model,
    if(sum(periods.priced) = 0 AND sum(periods.cost) = 0 AND sum(periods.attempts) > 0, NULL, sum(periods.cost)) AS cost,
    sum(periods.attempts) AS attempts,
    sum(periods.priced) AS priced
FROM call_periods AS periods
WHERE grain = 60 AND time >= {start:DateTime} AND time < {end:DateTime}
GROUP BY team, model
ORDER BY team, model
