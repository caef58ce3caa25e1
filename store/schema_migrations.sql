-- One row = one migration that was applied to this database.
CREATE TABLE IF NOT EXISTS schema_migrations
(
    name String,
    digest String,
    applied_at DateTime64(3, 'UTC')
)
ENGINE = MergeTree
ORDER BY name
