-- One row = what is stored of one producer for one touched minute. Events without a producer came second-hand.
INSERT INTO loss_ledger (producer_id, minute, app, stored, first_seq, last_seq, least_delay_ms, version, deleted)
SELECT
    producer_id,
    toStartOfMinute(started_at) AS minute,
    app,
    count() AS stored,
    min(seq) AS first_seq,
    max(seq) AS last_seq,
    min(toUnixTimestamp64Milli(received_at) - toUnixTimestamp64Milli(toDateTime64(started_at, 3, 'UTC')) - toInt64(ifNull(duration_ms, 0))) AS least_delay_ms,
    {version:DateTime64(6)} AS version,
    0 AS deleted
FROM llm_calls FINAL
WHERE started_at >= {first:DateTime64(3)}
    AND started_at < {after:DateTime64(3)}
    AND toStartOfMinute(started_at) IN {minutes:Array(DateTime)}
    AND producer_id != ''
GROUP BY producer_id, minute, app
SETTINGS max_threads = 1
