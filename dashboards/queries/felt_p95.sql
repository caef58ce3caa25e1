-- One row = the 95th percentile of the milliseconds that calls took as the apps felt them (NULL: no calls).
SELECT
    if(sum(operations) = 0, NULL, quantilesTDigestMerge(0.5, 0.95, 0.99)(felt) AS quantiles)[2] AS value
FROM call_periods
WHERE grain = if({step:UInt32} >= 3600, 3600, 60)
    AND time > {from:DateTime64(3)} - toIntervalSecond(grain)
    AND time < {to:DateTime64(3)}
    AND (empty({teams:Array(String)}) OR has({teams:Array(String)}, team))
