-- One row = how many events of the processes heard of in the range are dropped or missing.
SELECT
    sum(dropped) + sum(missing) AS value,
    if(countIf(tail > 0) = 0, '', concat(toString(sum(tail)), ' still on their way or unknown')) AS note
FROM producer_ledger
WHERE heard_at >= toStartOfMinute({from:DateTime64(3)}) AND heard_at < {to:DateTime64(3)}
