-- Dead letters are kept as the bytes that arrived, under an id that stays when the reason changes, so that a letter which
-- was replayed is replaced by a row that FINAL leaves out. An engine cannot be altered: the letters move to a new table.
-- Each statement may run again after one that was cut off, so the first one gives the second one something to read.
CREATE TABLE IF NOT EXISTS dead_letters
(
    dead_letter_id UInt64,
    received_at DateTime64(3, 'UTC'),
    reason LowCardinality(String),
    detail String,
    source LowCardinality(String),
    log_place String,
    log_offset UInt64,
    producer_id String,
    seq Nullable(UInt64),
    body String
)
ENGINE = ReplacingMergeTree(received_at)
ORDER BY dead_letter_id;

-- One row of dead_letters (with FINAL) = one record that could not become a row, with its bytes and the closed reason.
-- `decided_at` is when it was last tried. A row with `replayed` = 1 says that the letter became a row then: it has no body.
CREATE TABLE IF NOT EXISTS dead_letters_by_id
(
    dead_letter_id UInt64,
    received_at DateTime64(3, 'UTC'),
    reason LowCardinality(String),
    detail String,
    source LowCardinality(String),
    log_place String,
    log_offset UInt64,
    producer_id String,
    seq Nullable(UInt64),
    app LowCardinality(String) DEFAULT JSONExtractString(body, 'app'),
    decided_at DateTime64(6, 'UTC') DEFAULT received_at,
    replayed UInt8 DEFAULT 0,
    body String CODEC(ZSTD(3))
)
ENGINE = ReplacingMergeTree(decided_at, replayed)
PARTITION BY toYYYYMM(received_at)
ORDER BY dead_letter_id;

INSERT INTO dead_letters_by_id
    (dead_letter_id, received_at, reason, detail, source, log_place, log_offset, producer_id, seq, body)
SELECT dead_letter_id, received_at, reason, detail, source, log_place, log_offset, producer_id, seq, body
FROM dead_letters FINAL;

DROP TABLE IF EXISTS dead_letters SYNC;

RENAME TABLE dead_letters_by_id TO dead_letters;
