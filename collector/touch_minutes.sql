-- One row = one of the given minutes: it has to be rolled up again.
INSERT INTO touched_minutes
SELECT arrayJoin({minutes:Array(DateTime)}), now64(3)
