-- One row = one minute of facts from about the time of the newest roll-up, when that is so old that touches may be gone.
INSERT INTO touched_minutes (minute, touched_at)
SELECT DISTINCT toStartOfMinute(started_at), now64(3)
FROM llm_calls
WHERE (SELECT max(version) FROM call_hours) < now64(6, 'UTC') - toIntervalDay(6)
    AND received_at >= (SELECT max(version) FROM call_hours) - toIntervalDay(7)
