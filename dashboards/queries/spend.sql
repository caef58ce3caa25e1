-- One row = the cost in US dollars of the range (NULL: nothing is priced), and which share of the attempts is priced.
SELECT
    if(sum(attempts) = 0, ifNull(toFloat64(sum(cost)), 0), toFloat64(sum(cost))) AS value,
    if(sum(attempts) = 0, if(value = 0, 'no attempts', 'charges alone, no attempts'), concat(toString(round(100 * sum(priced) / sum(attempts), 1)), ' % of attempts priced')) AS note
FROM call_periods
WHERE grain = if({step:UInt32} >= 3600, 3600, 60)
    AND time > {from:DateTime64(3)} - toIntervalSecond(grain)
    AND time < {to:DateTime64(3)}
    AND (empty({teams:Array(String)}) OR has({teams:Array(String)}, team))
