-- One row = what one team's calls to one model in one month of a span of time cost under a cost version: those that
-- were rolled up or, with `anew` 1, the facts.
SELECT toStartOfMonth(minute) AS month, team, model, sum(minutes.attempts), sum(minutes.priced),
    if(sum(minutes.priced) = 0 AND sum(minutes.attempts) > 0, NULL, sum(minutes.cost))
FROM priced_minutes_at(version = {version:UInt32}, anew = {anew:UInt8}, start = {start:DateTime}, end = {end:DateTime}) AS minutes
GROUP BY month, team, model
