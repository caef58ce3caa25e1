-- One row = what one team's calls to one model in one month of a span of time cost, as they were rolled up.
SELECT toStartOfMonth(minute) AS month, team, model, sum(minutes.attempts), sum(minutes.priced),
    if(sum(minutes.priced) = 0 AND sum(minutes.attempts) > 0, NULL, sum(minutes.cost))
FROM call_minutes AS minutes FINAL
WHERE minute >= {start:DateTime} AND minute < {end:DateTime}
GROUP BY month, team, model
