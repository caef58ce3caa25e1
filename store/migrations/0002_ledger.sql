-- The loss ledger: what producers say they emitted, what was delivered, what is stored, what was refused.
-- One row of touched_minutes = one insert that changed the facts of that minute, by the clock of the store; after a stop
-- the roll-up finds there what it has not done yet.
CREATE TABLE IF NOT EXISTS touched_minutes
(
    minute DateTime('UTC'),
    touched_at DateTime64(3, 'UTC')
)
ENGINE = MergeTree
ORDER BY touched_at
TTL toDateTime(touched_at) + INTERVAL 7 DAY;

CREATE MATERIALIZED VIEW IF NOT EXISTS ingest_touched_minutes TO touched_minutes AS
SELECT toStartOfMinute(started_at) AS minute, now64(3) AS touched_at
FROM ingest
GROUP BY minute;

-- One row of deliveries (after merging) = how many records of one producer arrived for one minute, repeats included.
CREATE TABLE IF NOT EXISTS deliveries
(
    producer_id String,
    minute DateTime('UTC'),
    delivered UInt64
)
ENGINE = SummingMergeTree(delivered)
PARTITION BY toYYYYMM(minute)
ORDER BY (producer_id, minute);

CREATE MATERIALIZED VIEW IF NOT EXISTS ingest_deliveries TO deliveries AS
SELECT producer_id, toDateTime(toStartOfMinute(started_at), 'UTC') AS minute, count() AS delivered
FROM ingest
GROUP BY producer_id, minute;

-- One row of loss_ledger = what is stored of one producer for one minute, from de-duplicated facts (roll-up writes it).
CREATE TABLE IF NOT EXISTS loss_ledger
(
    producer_id String,
    minute DateTime('UTC'),
    app LowCardinality(String),
    stored UInt64,
    first_seq UInt64,
    last_seq UInt64,
    version DateTime64(6, 'UTC'),
    deleted UInt8 DEFAULT 0
)
ENGINE = ReplacingMergeTree(version, deleted)
PARTITION BY toYYYYMM(minute)
ORDER BY (producer_id, minute, app);

-- One row of producer_reports (after merging) = the last word of one producer on what it emitted and dropped.
CREATE TABLE IF NOT EXISTS producer_reports
(
    report_id String,
    producer_id String,
    reported_at DateTime64(6, 'UTC'),
    emitted UInt64,
    dropped Map(LowCardinality(String), UInt64),
    hook_errors UInt64,
    closed Bool,
    app LowCardinality(String),
    sdk_version LowCardinality(String),
    schema_version UInt16,
    received_at DateTime64(3, 'UTC') DEFAULT now64(3)
)
ENGINE = ReplacingMergeTree(reported_at)
ORDER BY producer_id;

-- One row of dead_letters = one record that could not become a row, with its bytes and the closed reason.
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
    body String CODEC(ZSTD(3))
)
ENGINE = ReplacingMergeTree(received_at)
PARTITION BY toYYYYMM(received_at)
ORDER BY (reason, dead_letter_id);
