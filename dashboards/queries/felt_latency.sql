-- One row = one quantile of the milliseconds that calls took as the apps felt them, in one step of time.
SELECT time, series, if(isNaN(quantile), NULL, quantile) AS value
FROM
(
    SELECT
        toStartOfInterval(time, toIntervalSecond({step:UInt32})) AS time,
        quantilesTDigestMerge(0.5, 0.95, 0.99)(felt) AS quantiles
    FROM call_periods
    WHERE grain = if({step:UInt32} >= 3600, 3600, 60)
        AND time > {from:DateTime64(3)} - toIntervalSecond(grain)
        AND time < {to:DateTime64(3)}
        AND (empty({teams:Array(String)}) OR has({teams:Array(String)}, team))
    GROUP BY time
)
ARRAY JOIN ['p50', 'p95', 'p99'] AS series, quantiles AS quantile
ORDER BY time, series
