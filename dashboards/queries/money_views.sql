-- One row = what one team spent, for each attempt, and how much of it for nothing (NULL: nothing known). Charges are no attempts.
-- The first is in the roll-ups; what was spent for nothing, and saved, the analyzer `money` has measured.
SELECT
    spent.team AS team,
    spent.cost AS cost,
    spent.cost / nullIf(spent.priced, 0) AS per_call,
    measured.retries AS retries,
    measured.abandoned AS abandoned,
    measured.cache_savings AS cache_savings,
    measured.app_cache_saved AS app_cache_saved,
    spent.priced / nullIf(spent.attempts, 0) AS priced
FROM
(
    SELECT
        team,
        toFloat64(sum(call_periods.cost)) AS cost,
        sum(call_periods.attempts) AS attempts,
        sum(call_periods.priced) AS priced
    FROM call_periods
    WHERE operation != 'charge' AND grain = if({step:UInt32} >= 3600, 3600, 60)
        AND time > {from:DateTime64(3)} - toIntervalSecond(grain)
        AND time < {to:DateTime64(3)}
        AND (empty({teams:Array(String)}) OR has({teams:Array(String)}, team))
    GROUP BY team
) AS spent
LEFT JOIN
(
    SELECT
        labels['team'] AS team,
        sumIf(value, metric = 'retries_usd') AS retries,
        sumIf(value, metric = 'abandoned_usd') AS abandoned,
        sumIf(value, metric = 'cache_savings_usd') AS cache_savings,
        sumIf(value, metric = 'app_cache_saved_usd') AS app_cache_saved
    FROM measurements FINAL
    WHERE analyzer = 'money' AND window_end > {from:DateTime64(3)} AND window_start < {to:DateTime64(3)}
    GROUP BY team
) AS measured ON spent.team = measured.team
ORDER BY cost DESC NULLS LAST, team
LIMIT 50
