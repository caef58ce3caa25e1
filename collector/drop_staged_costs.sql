-- One row = a staged cost that has been used.
DELETE FROM staged_minutes WHERE cost_version = {version:UInt32}
