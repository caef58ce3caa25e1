-- One row of measurements (after merging) = one number that an analyzer concluded about one window and one set of labels.
CREATE TABLE IF NOT EXISTS measurements
(
    analyzer LowCardinality(String),
    metric LowCardinality(String),
    labels Map(LowCardinality(String), String),
    window_start DateTime('UTC'),
    window_end DateTime('UTC'),
    value Nullable(Float64),
    low Nullable(Float64),
    high Nullable(Float64),
    samples UInt64,
    note String,
    computed_at DateTime64(3, 'UTC')
)
ENGINE = ReplacingMergeTree(computed_at)
PARTITION BY toYYYYMM(window_start)
ORDER BY (analyzer, metric, window_start, window_end, labels);

-- One row of alert_state (after merging) = where one alert (a rule and a set of labels) stands.
CREATE TABLE IF NOT EXISTS alert_state
(
    rule LowCardinality(String),
    fingerprint String,
    labels Map(LowCardinality(String), String),
    annotations Map(LowCardinality(String), String),
    state LowCardinality(String),
    value Nullable(Float64),
    active_at Nullable(DateTime64(3, 'UTC')),
    fired_at Nullable(DateTime64(3, 'UTC')),
    resolved_at Nullable(DateTime64(3, 'UTC')),
    clear_since Nullable(DateTime64(3, 'UTC')) COMMENT 'since when the condition is false while the alert keeps firing',
    sent_at Map(LowCardinality(String), DateTime64(3, 'UTC')) COMMENT 'channel -> evaluation that it last accepted',
    evaluated_at DateTime64(3, 'UTC'),
    summary String ALIAS annotations['summary']
)
ENGINE = ReplacingMergeTree(evaluated_at)
ORDER BY (rule, fingerprint);

-- One row of alert_history = one change of state of one alert.
CREATE TABLE IF NOT EXISTS alert_history
(
    at DateTime64(3, 'UTC'),
    rule LowCardinality(String),
    fingerprint String,
    labels Map(LowCardinality(String), String),
    from_state LowCardinality(String),
    to_state LowCardinality(String),
    value Nullable(Float64),
    summary String
)
ENGINE = MergeTree
ORDER BY at;

-- One row of drift_references = one frozen reference sample of the texts of one group.
CREATE TABLE IF NOT EXISTS drift_references
(
    team LowCardinality(String),
    app LowCardinality(String),
    kind LowCardinality(String),
    embedder String,
    frozen_at DateTime64(3, 'UTC'),
    samples UInt32,
    vectors String CODEC(ZSTD(1)),
    texts Array(String) CODEC(ZSTD(3))
)
ENGINE = ReplacingMergeTree(frozen_at)
ORDER BY (team, app, kind, embedder);
