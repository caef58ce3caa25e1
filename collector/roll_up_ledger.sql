-- One row = what is stored of one producer for one touched minute.
INSERT INTO loss_ledger
SELECT
    producer_id,
    toStartOfMinute(started_at) AS minute,
    app,
    count() AS stored,
    min(seq) AS first_seq,
    max(seq) AS last_seq,
    {version:DateTime64(6)} AS version,
    0 AS deleted
FROM llm_calls FINAL
WHERE started_at >= {first:DateTime64(3)}
    AND started_at < {after:DateTime64(3)}
    AND toStartOfMinute(started_at) IN {minutes:Array(DateTime)}
GROUP BY producer_id, minute, app
SETTINGS max_threads = 1
