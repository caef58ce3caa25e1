-- One row = how many calls the apps made in the range, retries not counted.
SELECT sum(operations) AS value, concat(toString(sum(failed_operations)), ' failed for the app') AS note
FROM call_periods
WHERE grain = if({step:UInt32} >= 3600, 3600, 60)
    AND time > {from:DateTime64(3)} - toIntervalSecond(grain)
    AND time < {to:DateTime64(3)}
    AND (empty({teams:Array(String)}) OR has({teams:Array(String)}, team))
