-- One row of budget_thresholds (after merging) = a threshold that a budget reached in a period: when that was first seen,
-- and what was known to be spent then of which amount, in US dollars. A row is never withdrawn, even if the spend sinks.
CREATE TABLE IF NOT EXISTS budget_thresholds
(
    budget LowCardinality(String),
    period_start DateTime('UTC'),
    period_end DateTime('UTC'),
    threshold Decimal(9, 4),
    amount Decimal(38, 12),
    actual Decimal(38, 12),
    reached_at DateTime64(3, 'UTC')
)
ENGINE = ReplacingMergeTree
ORDER BY (budget, period_start, period_end, threshold)
