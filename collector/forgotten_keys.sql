-- One row = one user or session that is forgotten.
SELECT kind, digest, forgotten_at FROM forgotten_keys FINAL
