-- One row = how many attempts one model of one provider answered in the window, refused with 429, or failed otherwise.
SELECT
    provider,
    model,
    sum(periods.attempts) AS attempts,
    sum(periods.rate_limited) AS rate_limited,
    sum(periods.errors) AS errors
FROM call_periods AS periods
WHERE grain = 60 AND time >= {start:DateTime} AND time < {end:DateTime}
GROUP BY provider, model
HAVING sum(periods.attempts) > 0
ORDER BY provider, model
