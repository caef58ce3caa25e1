-- One row = the calls of one touched hour that share the dimensions, merged from its minutes.
INSERT INTO call_hours
SELECT
    toStartOfHour(minute) AS hour,
    team,
    app,
    feature,
    environment,
    provider,
    model,
    operation,
    sum(minutes.attempts),
    sum(minutes.operations),
    sum(minutes.failed_operations),
    sum(minutes.ok),
    sum(minutes.rate_limited),
    sum(minutes.errors),
    sum(minutes.input_tokens),
    sum(minutes.cache_read_tokens),
    sum(minutes.cache_write_tokens),
    sum(minutes.output_tokens),
    sum(minutes.reasoning_tokens),
    if(sum(minutes.priced) = 0 AND sum(minutes.attempts) > 0, NULL, sum(minutes.cost)),
    sum(minutes.estimated_cost),
    sum(minutes.priced),
    sum(minutes.unpriced),
    sum(minutes.cache_hits),
    sum(minutes.saved),
    quantilesTDigestMergeState(0.5, 0.95, 0.99)(duration),
    quantilesTDigestMergeState(0.5, 0.95, 0.99)(felt),
    quantilesTDigestMergeState(0.5, 0.95, 0.99)(first_token),
    {version:DateTime64(6)} AS version,
    0 AS deleted
FROM call_minutes AS minutes FINAL
WHERE toStartOfHour(minute) IN {hours:Array(DateTime)}
GROUP BY hour, team, app, feature, environment, provider, model, operation
SETTINGS max_threads = 1
