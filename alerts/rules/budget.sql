-- One row = how one budget stands: its amounts, and what one rule is `about`; a value of NULL is no news.
-- About `page` or `ticket` it is the fastest burn rate whose rule of that severity holds, about `exceeded` the share of the
-- amount that is used, about `forecast` the forecast's share of an amount that will be exceeded, about `broken` it is 1.
-- Read is the newest evaluation of all budgets, unless three of its windows have passed since.
WITH newest AS
(
    SELECT labels, metric, measured.value, low, high, note, samples, startsWith(note, concat({about:String}, ': ')) AS holds
    FROM measurements AS measured FINAL
    WHERE analyzer = 'budgets' AND window_end > {from:DateTime64(3)} AND window_end <= {to:DateTime64(3)}
        AND window_end + 3 * (window_end - window_start) > {to:DateTime64(3)}
        AND window_end = (
            SELECT max(window_end)
            FROM measurements
            WHERE analyzer = 'budgets' AND window_end > {from:DateTime64(3)} AND window_end <= {to:DateTime64(3)}
        )
)
SELECT
    labels['budget'] AS budget,
    labels['period'] AS period,
    anyIf(note, metric = 'budget_state') AS state,
    substring(ifNull(argMaxIf(note, newest.value, holds), ''), length({about:String}) + 3) AS burning,
    anyIf(newest.value, metric = 'budget_amount_usd') AS amount,
    anyIf(newest.value, metric = 'budget_actual_usd') AS actual,
    anyIf(newest.value, metric = 'budget_used_share') AS used,
    anyIf(newest.value, metric = 'budget_forecast_usd') AS forecast,
    anyIf(newest.low, metric = 'budget_forecast_usd') AS low,
    anyIf(newest.high, metric = 'budget_forecast_usd') AS high,
    anyIf(newest.value, metric = 'budget_priced_share') AS priced_share,
    multiIf(
        {about:String} = 'exceeded', used,
        {about:String} = 'forecast', if(startsWith(state, 'will be exceeded'), forecast / amount, NULL),
        {about:String} = 'broken', if(startsWith(state, 'broken'), 1, NULL),
        maxIf(newest.value, holds)) AS value,
    max(newest.samples) AS samples
FROM newest
GROUP BY budget, period
