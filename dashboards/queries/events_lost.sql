-- One row = how many events are dropped or missing, of the processes heard of since the start of the range.
SELECT
    sum(dropped) + sum(missing) AS value,
    if(countIf(tail > 0) = 0, '', concat(toString(sum(tail)), ' still on their way or unknown')) AS note
FROM producer_ledger
WHERE heard_at >= toStartOfMinute({from:DateTime64(3)})
