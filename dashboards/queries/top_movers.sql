-- One row = what one team spent on one model in the range and in as long a time before it (NULL: nothing priced, 0: no
-- attempts), the largest change first.
WITH
    {from:DateTime64(3)} - toIntervalSecond(grain) AS before_range,
    before_range - toIntervalSecond(dateDiff('second', {from:DateTime64(3)}, {to:DateTime64(3)})) AS before_both
SELECT
    team,
    model,
    toFloat64(if(countIf(time > before_range) = 0, toDecimal128(0, 12), sumIf(call_periods.cost, time > before_range))) AS cost,
    toFloat64(if(countIf(time <= before_range) = 0, toDecimal128(0, 12), sumIf(call_periods.cost, time <= before_range))) AS previous,
    cost - previous AS change,
    sumIf(call_periods.priced, time > before_range) / nullIf(sumIf(attempts, time > before_range), 0) AS priced,
    sumIf(call_periods.priced, time <= before_range) / nullIf(sumIf(attempts, time <= before_range), 0) AS previously_priced
FROM call_periods
WHERE grain = if({step:UInt32} >= 3600, 3600, 60)
    AND time > before_both
    AND time < {to:DateTime64(3)}
    AND (empty({teams:Array(String)}) OR has({teams:Array(String)}, team))
GROUP BY team, model
ORDER BY abs(change) DESC NULLS LAST, cost DESC NULLS LAST, team, model
LIMIT 50
