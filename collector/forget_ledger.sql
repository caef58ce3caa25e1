-- One row = a group of a touched minute that an earlier roll-up found and the newest one did not: it is deleted.
INSERT INTO loss_ledger (producer_id, minute, app, version, deleted)
SELECT producer_id, minute, app, {version:DateTime64(6)} AS newest, 1
FROM loss_ledger FINAL
WHERE minute IN {minutes:Array(DateTime)} AND version < {version:DateTime64(6)}
