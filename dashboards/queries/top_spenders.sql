-- One row = what one model cost one app of one team (NULL: nothing priced), dearest first.
SELECT
    team,
    app,
    model,
    toFloat64(sum(call_periods.cost)) AS cost,
    sum(operations) AS calls,
    cost / nullIf(calls, 0) AS cost_per_call,
    sum(call_periods.priced) / nullIf(sum(attempts), 0) AS priced
FROM call_periods
WHERE grain = if({step:UInt32} >= 3600, 3600, 60)
    AND time > {from:DateTime64(3)} - toIntervalSecond(grain)
    AND time < {to:DateTime64(3)}
    AND (empty({teams:Array(String)}) OR has({teams:Array(String)}, team))
GROUP BY team, app, model
ORDER BY cost DESC NULLS LAST, calls DESC, team, app, model
LIMIT 50
