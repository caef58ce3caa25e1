-- One row = the cost in US dollars of one team in one step of time (NULL: nothing priced).
WITH biggest AS
(
    SELECT team
    FROM call_periods
    WHERE grain = if({step:UInt32} >= 3600, 3600, 60)
        AND time > {from:DateTime64(3)} - toIntervalSecond(grain)
        AND time < {to:DateTime64(3)}
        AND (empty({teams:Array(String)}) OR has({teams:Array(String)}, team))
    GROUP BY team
    ORDER BY sum(cost) DESC NULLS LAST, team
    LIMIT 9
)
SELECT
    toStartOfInterval(time, toIntervalSecond({step:UInt32})) AS time,
    if(team IN (SELECT team FROM biggest), team, 'other teams') AS series,
    toFloat64(sum(cost)) AS value
FROM call_periods
WHERE grain = if({step:UInt32} >= 3600, 3600, 60)
    AND time > {from:DateTime64(3)} - toIntervalSecond(grain)
    AND time < {to:DateTime64(3)}
    AND (empty({teams:Array(String)}) OR has({teams:Array(String)}, team))
GROUP BY time, series
ORDER BY time, series
