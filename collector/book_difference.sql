-- One row = by how much calls of one day that share the dimensions differ from what is booked of their month.
INSERT INTO book_entries
SELECT
    {closing:UInt32} AS closing,
    {kind:String} AS kind,
    toStartOfMonth(day) AS month,
    day,
    team,
    app,
    feature,
    environment,
    provider,
    model,
    operation,
    sum(sides.attempts) AS attempts,
    sum(sides.input_tokens) AS input_tokens,
    sum(sides.cache_read_tokens) AS cache_read_tokens,
    sum(sides.cache_write_tokens) AS cache_write_tokens,
    sum(sides.output_tokens) AS output_tokens,
    sum(sides.priced) AS priced,
    sum(sides.unpriced) AS unpriced,
    sum(sides.cost) AS cost,
    sum(sides.estimated_cost) AS estimated_cost
FROM
(
    SELECT toDate(hour) AS day, team, app, feature, environment, provider, model, operation,
        toInt64(hours.attempts) AS attempts, toInt64(hours.input_tokens) AS input_tokens,
        toInt64(hours.cache_read_tokens) AS cache_read_tokens, toInt64(hours.cache_write_tokens) AS cache_write_tokens,
        toInt64(hours.output_tokens) AS output_tokens, toInt64(hours.priced) AS priced, toInt64(hours.unpriced) AS unpriced,
        ifNull(hours.cost, toDecimal128(0, 12)) AS cost, hours.estimated_cost AS estimated_cost
    FROM call_hours AS hours FINAL
    WHERE toStartOfMonth(hour) IN {months:Array(Date)}
    UNION ALL
    SELECT day, team, app, feature, environment, provider, model, operation,
        -booked.attempts, -booked.input_tokens, -booked.cache_read_tokens, -booked.cache_write_tokens,
        -booked.output_tokens, -booked.priced, -booked.unpriced, -booked.cost, -booked.estimated_cost
    FROM book_entries AS booked
    WHERE month IN {months:Array(Date)} AND closing IN (SELECT number FROM book_closings)
) AS sides
GROUP BY day, team, app, feature, environment, provider, model, operation
HAVING (attempts, input_tokens, cache_read_tokens, cache_write_tokens, output_tokens, priced, unpriced, cost, estimated_cost)
    != (0, 0, 0, 0, 0, 0, 0, 0, 0)
