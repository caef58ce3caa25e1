-- One row = a group of a touched minute that an earlier roll-up found and the newest one did not: it is deleted.
INSERT INTO call_minutes
(
    minute, team, app, feature, environment, provider, model, operation, price_key, payer_key, usage_kind, used_tokens,
    cache_hit, input_from, version, deleted
)
SELECT
    minute, team, app, feature, environment, provider, model, operation, price_key, payer_key, usage_kind, used_tokens,
    cache_hit, input_from,
    {version:DateTime64(6)} AS newest,
    1
FROM call_minutes FINAL
WHERE minute IN {minutes:Array(DateTime)} AND version < {version:DateTime64(6)}
