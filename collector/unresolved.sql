-- One row = a name under which calls were made whose price is not known, and their share of all tokens.
SELECT
    provider,
    host,
    if(model_responded != '', model_responded, model_requested) AS name,
    service_tier,
    price_key != 0 AS is_known,
    count() AS calls,
    sum(toFloat64(ifNull(input_tokens, 0)) + toFloat64(ifNull(output_tokens, 0))) AS tokens,
    tokens / nullIf((
        SELECT sum(toFloat64(ifNull(input_tokens, 0)) + toFloat64(ifNull(output_tokens, 0)))
        FROM llm_calls FINAL
        WHERE superseded = 0 AND started_at >= {start:DateTime} AND started_at < {end:DateTime}
    ), 0) AS token_share
FROM priced_calls
WHERE value_status = 'unpriced' AND started_at >= {start:DateTime} AND started_at < {end:DateTime}
GROUP BY provider, host, name, service_tier, is_known
ORDER BY tokens DESC, calls DESC, provider, name
LIMIT {limit:UInt32}
