-- One row = a group of a touched hour that an earlier roll-up found and the newest one did not: it is deleted.
INSERT INTO call_hours (hour, team, app, feature, environment, provider, model, operation, version, deleted)
SELECT hour, team, app, feature, environment, provider, model, operation, {version:DateTime64(6)} AS newest, 1
FROM call_hours FINAL
WHERE hour IN {hours:Array(DateTime)} AND version < {version:DateTime64(6)}
