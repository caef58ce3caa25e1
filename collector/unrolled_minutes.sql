-- One row = one minute whose facts arrived since shortly before the last roll-up.
SELECT DISTINCT minute
FROM touched_minutes
WHERE touched_at >= (SELECT max(version) FROM call_minutes) - toIntervalSecond({overlap:UInt32})
ORDER BY minute
