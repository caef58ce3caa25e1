-- One row = when the tables of this database were created.
SELECT min(applied_at) AS created_at FROM schema_migrations
