-- One row = a name that answered calls of known cost under another requested name, and their shares of all tokens and spend.
SELECT
    provider,
    host,
    requested,
    name,
    service_tier,
    price_key,
    calls,
    tokens,
    tokens / nullIf(all_tokens, 0) AS token_share,
    cost,
    toFloat64(cost) / nullIf(toFloat64(all_cost), 0) AS cost_share
FROM
(
    SELECT *, sum(tokens) OVER () AS all_tokens, sum(cost) OVER () AS all_cost
    FROM
    (
        SELECT
            provider,
            host,
            model_requested AS requested,
            model_responded AS name,
            service_tier,
            price_key,
            value_status IN ('priced', 'estimated', 'partial') AS is_by_book,
            count() AS calls,
            sum(toFloat64(ifNull(input_tokens, 0)) + toFloat64(ifNull(output_tokens, 0))) AS tokens,
            sum(cost) AS cost
        FROM priced_calls
        WHERE started_at >= {start:DateTime} AND started_at < {end:DateTime}
        GROUP BY provider, host, requested, name, service_tier, price_key, is_by_book
    )
)
WHERE is_by_book AND name != '' AND requested != '' AND name != requested
ORDER BY tokens DESC, calls DESC, provider, name, requested
