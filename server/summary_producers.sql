-- One row = what became of everything that one producer, heard of since the start, emitted.
SELECT producer_id, app, closed, emitted, stored, repeated, dropped, dead_letters, missing, tail
FROM producer_ledger
WHERE heard_at >= toStartOfMinute({start:DateTime64(3)})
ORDER BY app, producer_id
