-- One row = what is booked of one month for calls that share the dimensions: usage when it was closed, or a correction. cost_usd is empty where no cost is known.
SELECT
    formatDateTime(month, '%Y-%m') AS month,
    kind,
    formatDateTime(closings.booked_in, '%Y-%m') AS booked_in,
    closings.recorded_at AS booked_at,
    closings.cost_version AS cost_version,
    team,
    app,
    feature,
    environment,
    provider,
    model,
    operation,
    sum(entries.attempts) AS attempts,
    sum(entries.input_tokens) AS input_tokens,
    sum(entries.cache_read_tokens) AS cache_read_tokens,
    sum(entries.cache_write_tokens) AS cache_write_tokens,
    sum(entries.output_tokens) AS output_tokens,
    sum(entries.unpriced) AS unpriced,
    if(sum(entries.priced) = 0 AND sum(entries.cost) = 0 AND sum(entries.unpriced) > 0, NULL, sum(entries.cost)) AS cost_usd,
    sum(entries.estimated_cost) AS estimated_usd,
    closings.reason AS reason
FROM book_entries AS entries
INNER JOIN
(
    SELECT DISTINCT number, month AS booked_in, cost_version, reason, recorded_at FROM book_closings
) AS closings ON entries.closing = closings.number
WHERE entries.month = {month:Date}
GROUP BY month, kind, closing, booked_in, booked_at, cost_version, reason, team, app, feature, environment, provider, model, operation
ORDER BY closing, kind DESC, team, app, feature, environment, provider, model, operation
