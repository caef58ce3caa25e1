-- What is left behind where facts or texts were deleted.
-- One row of removed_facts = facts of calls that started before `before` may be gone, so their totals stand as they are.
CREATE TABLE IF NOT EXISTS removed_facts
(
    before DateTime('UTC'),
    noted_at DateTime64(3, 'UTC')
)
ENGINE = MergeTree
ORDER BY before;

-- One row of forgotten_keys (after merging) = one user or session whose texts are deleted and never stored again; `digest`
-- is the SHA-256 of the user_hash (kind user) or of the session_id (kind session), in hex.
CREATE TABLE IF NOT EXISTS forgotten_keys
(
    kind LowCardinality(String),
    digest String,
    forgotten_at DateTime64(3, 'UTC')
)
ENGINE = ReplacingMergeTree(forgotten_at)
ORDER BY (kind, digest);
