-- One row = the calls of one team since the start; cost in US dollars, every digit, NULL when none of it is known.
-- estimated_cost is the part of it whose tokens were estimated.
SELECT
    if(periods.team = '', 'unattributed', periods.team) AS team,
    sum(periods.attempts) AS attempts,
    sum(periods.operations) AS operations,
    toString(if(sum(periods.priced) = 0 AND sum(periods.cost) = 0 AND sum(periods.attempts) > 0, NULL, sum(periods.cost))) AS cost,
    toString(sum(periods.estimated_cost)) AS estimated_cost,
    sum(periods.priced) AS priced,
    sum(periods.rate_limited) AS rate_limited,
    sum(periods.errors) AS errors,
    quantilesTDigestMerge(0.5, 0.95, 0.99)(periods.felt)[2] AS felt_p95,
    if(isFinite(felt_p95), felt_p95, NULL) AS felt_p95_ms
FROM call_minutes AS periods FINAL
WHERE minute >= toStartOfMinute({start:DateTime64(3)})
GROUP BY team
ORDER BY team
