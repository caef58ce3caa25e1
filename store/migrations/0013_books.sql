-- One row of book_closings = one time at which the books were written: a month closed, or closed months corrected (month is
-- then the one in which that was done, and is_close 0). Append-only; the entries of a closing count when its row is there.
CREATE TABLE IF NOT EXISTS book_closings
(
    number UInt32,
    month Date,
    is_close UInt8,
    cost_version UInt32,
    reason String,
    recorded_at DateTime64(3, 'UTC')
)
ENGINE = MergeTree
ORDER BY number;

-- One row of book_entries = what calls of one UTC day that share the dimensions used and cost, as it was booked: their usage
-- when their month was closed, or a correction, by how much they were found to differ later. cost is the known part, in US
-- dollars; unpriced attempts are not in it. Append-only: an entry is never changed.
CREATE TABLE IF NOT EXISTS book_entries
(
    closing UInt32,
    kind LowCardinality(String),
    month Date,
    day Date,
    team LowCardinality(String),
    app LowCardinality(String),
    feature LowCardinality(String),
    environment LowCardinality(String),
    provider LowCardinality(String),
    model LowCardinality(String),
    operation LowCardinality(String),
    attempts Int64,
    input_tokens Int64,
    cache_read_tokens Int64,
    cache_write_tokens Int64,
    output_tokens Int64,
    priced Int64,
    unpriced Int64,
    cost Decimal(38, 12),
    estimated_cost Decimal(38, 12)
)
ENGINE = MergeTree
ORDER BY (month, closing, day, team, app)
