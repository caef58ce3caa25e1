-- One row = nothing: from now on no rows are merged and none expire.
SYSTEM STOP MERGES
