-- One row = what one team's calls to one model in one month of a span of time cost under a cost version.
SELECT toStartOfMonth(minute) AS month, team, model, sum(minutes.attempts), sum(minutes.priced),
    if(sum(minutes.priced) = 0 AND sum(minutes.attempts) > 0, NULL, sum(minutes.cost))
FROM priced_minutes_at(version = {version:UInt32}, anew = 0, start = {start:DateTime}, end = {end:DateTime}) AS minutes
GROUP BY month, team, model
