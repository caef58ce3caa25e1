-- One row = how slow one model of one provider was in the window: p50, p95 and p99 in milliseconds, NaN without values.
SELECT
    provider,
    model,
    sum(periods.operations) AS operations,
    sum(periods.ok) AS ok,
    quantilesTDigestMerge(0.5, 0.95, 0.99)(periods.felt) AS felt,
    quantilesTDigestMerge(0.5, 0.95, 0.99)(periods.first_token) AS first_token
FROM call_periods AS periods
WHERE grain = 60 AND time >= {start:DateTime} AND time < {end:DateTime}
GROUP BY provider, model
HAVING sum(periods.attempts) > 0
ORDER BY provider, model
