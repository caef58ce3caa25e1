-- One row = what the calls of one team cost on one day; the days begin at `starts`, the first is number 1.
-- The cost is the known part. Hours are read where the grain is one, else minutes: days of some zones do not begin on the hour.
SELECT
    periods.team AS team,
    arrayLastIndex(start -> start <= toUnixTimestamp(periods.time), {starts:Array(UInt32)}) AS day,
    toFloat64(ifNull(sum(periods.cost), 0)) AS cost,
    sum(periods.attempts) AS attempts,
    sum(periods.priced) AS priced
FROM call_periods AS periods
WHERE grain = {grain:UInt16} AND periods.time >= {start:DateTime} AND periods.time < {end:DateTime}
GROUP BY team, day
ORDER BY team, day
