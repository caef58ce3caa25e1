-- One row = one applied migration and the digest of its text.
SELECT name, digest FROM schema_migrations ORDER BY name
