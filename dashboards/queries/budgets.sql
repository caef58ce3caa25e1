-- One row = how one budget stood at the newest evaluation of all before the end of the range; the worst first.
SELECT
    splitByString(': ', stands)[1] AS state,
    budget,
    period,
    amount,
    actual,
    used,
    forecast,
    low,
    high,
    burn_1h,
    burn_24h,
    burn_72h,
    priced,
    arrayStringConcat(arrayFilter(text -> text != '', [substring(stands, length(state) + 3), burning]), '; ') AS note
FROM
(
    SELECT
        labels['budget'] AS budget,
        labels['period'] AS period,
        anyIf(measured.note, metric = 'budget_state') AS stands,
        anyIf(measured.note, match(measured.note, '^(page|ticket): ')) AS burning,
        anyIf(measured.value, metric = 'budget_amount_usd') AS amount,
        anyIf(measured.value, metric = 'budget_actual_usd') AS actual,
        anyIf(measured.value, metric = 'budget_used_share') AS used,
        anyIf(measured.value, metric = 'budget_forecast_usd') AS forecast,
        anyIf(measured.low, metric = 'budget_forecast_usd') AS low,
        anyIf(measured.high, metric = 'budget_forecast_usd') AS high,
        anyIf(measured.value, metric = 'budget_burn_rate_1h') AS burn_1h,
        anyIf(measured.value, metric = 'budget_burn_rate_24h') AS burn_24h,
        anyIf(measured.value, metric = 'budget_burn_rate_72h') AS burn_72h,
        anyIf(measured.value, metric = 'budget_priced_share') AS priced
    FROM measurements AS measured FINAL
    WHERE analyzer = 'budgets' AND window_end > {to:DateTime64(3)} - toIntervalDay(1) AND window_end = (
        SELECT max(window_end)
        FROM measurements
        WHERE analyzer = 'budgets' AND window_end > {to:DateTime64(3)} - toIntervalDay(1) AND window_end <= {to:DateTime64(3)}
    )
    GROUP BY budget, period
)
ORDER BY indexOf(['exceeded', 'broken', 'will be exceeded', 'may be exceeded', 'within'], state), used DESC NULLS LAST, budget
LIMIT 100
