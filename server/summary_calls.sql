-- One row = how many attempts are stored and counted, how many deliveries were repeats or refused, since the start.
SELECT
    (SELECT uniqExact(call_id) - uniqExactIf(call_id, superseded = 1) FROM llm_calls WHERE started_at >= toStartOfMinute({start:DateTime64(3)})) AS stored,
    (SELECT sum(attempts) FROM call_minutes FINAL WHERE minute >= toStartOfMinute({start:DateTime64(3)})) AS counted,
    (SELECT sum(delivered) FROM deliveries WHERE minute >= toStartOfMinute({start:DateTime64(3)})) AS delivered,
    (SELECT count() FROM dead_letters FINAL WHERE received_at >= toStartOfMinute({start:DateTime64(3)})) AS dead_letters
