-- One row = the share of attempts that failed, without 429 and cancelled ones (NULL: no attempts).
SELECT sum(errors) / nullIf(sum(attempts), 0) AS value, concat(toString(sum(errors)), ' of ', toString(sum(attempts)), ' attempts') AS note
FROM call_periods
WHERE grain = if({step:UInt32} >= 3600, 3600, 60)
    AND time > {from:DateTime64(3)} - toIntervalSecond(grain)
    AND time < {to:DateTime64(3)}
    AND (empty({teams:Array(String)}) OR has({teams:Array(String)}, team))
