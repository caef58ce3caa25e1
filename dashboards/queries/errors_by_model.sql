-- One row = the share of one model's attempts that failed, without 429 and cancelled ones, in one step of time.
WITH worst AS
(
    SELECT provider, model
    FROM call_periods
    WHERE grain = if({step:UInt32} >= 3600, 3600, 60)
        AND time > {from:DateTime64(3)} - toIntervalSecond(grain)
        AND time < {to:DateTime64(3)}
        AND (empty({teams:Array(String)}) OR has({teams:Array(String)}, team))
    GROUP BY provider, model
    ORDER BY sum(errors) DESC, sum(attempts) DESC, provider, model
    LIMIT 10
)
SELECT
    toStartOfInterval(time, toIntervalSecond({step:UInt32})) AS time,
    concat(provider, ' / ', model) AS series,
    sum(errors) / nullIf(sum(attempts), 0) AS value
FROM call_periods
WHERE grain = if({step:UInt32} >= 3600, 3600, 60)
    AND time > {from:DateTime64(3)} - toIntervalSecond(grain)
    AND time < {to:DateTime64(3)}
    AND (empty({teams:Array(String)}) OR has({teams:Array(String)}, team))
    AND (provider, model) IN (SELECT provider, model FROM worst)
GROUP BY time, series
ORDER BY time, series
