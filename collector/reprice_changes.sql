-- One row = what one team's calls to one model in one month cost in the roll-ups, and what they cost as staged.
SELECT
    month,
    team,
    model,
    sum(attempts) AS attempts,
    sum(priced_before) AS priced_before,
    sum(priced_after) AS priced_after,
    sum(cost_before) AS cost_before,
    sum(cost_after) AS cost_after
FROM
(
    SELECT toStartOfMonth(minute) AS month, team, model, 0 AS attempts,
        sum(minutes.priced) AS priced_before, 0 AS priced_after, sum(minutes.cost) AS cost_before, NULL AS cost_after
    FROM call_minutes AS minutes FINAL
    WHERE minute >= {start:DateTime} AND minute < {end:DateTime}
    GROUP BY month, team, model
    UNION ALL
    SELECT toStartOfMonth(staged.minute) AS month, minutes.team AS team, minutes.model AS model, sum(staged.attempts) AS attempts,
        0 AS priced_before, sum(staged.priced) AS priced_after, NULL AS cost_before, sum(staged.cost) AS cost_after
    FROM (SELECT * FROM staged_minutes WHERE cost_version = {version:UInt32}) AS staged
    INNER JOIN
    (
        SELECT minute, team, model, cityHash64(team, app, feature, environment, provider, model, operation) AS dimensions
        FROM call_minutes FINAL
        WHERE minute >= {start:DateTime} AND minute < {end:DateTime}
    ) AS minutes USING (minute, dimensions)
    GROUP BY month, team, model
)
GROUP BY month, team, model
ORDER BY month, team, model
