-- One row = nothing: rows are merged and expire again.
SYSTEM START MERGES
