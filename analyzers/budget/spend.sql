-- One row = what the calls that one budget counts cost in the span of time that begins at `began`; cost is the known part.
-- A span is an hour where the grain is one. Where it is a minute it is a quarter of an hour, because days of some zones do
-- not begin on the hour. From `recent` on it is a minute.
SELECT
    if(grain = 60 AND periods.time < {recent:DateTime}, toStartOfFifteenMinutes(periods.time), periods.time) AS began,
    ifNull(sum(periods.cost), toDecimal128(0, 12)) AS cost,
    sum(periods.attempts) AS attempts,
    sum(periods.priced) AS priced
FROM call_periods AS periods
WHERE team LIKE {team:String} AND app LIKE {app:String} AND feature LIKE {feature:String}
    AND environment LIKE {environment:String} AND provider LIKE {provider:String} AND model LIKE {model:String}
    AND ((grain = {grain:UInt16} AND periods.time >= {start:DateTime} AND periods.time < {recent:DateTime})
        OR (grain = 60 AND periods.time >= {recent:DateTime} AND periods.time < {end:DateTime}))
GROUP BY began
ORDER BY began
