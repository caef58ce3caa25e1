-- One row = how calls of a span of time name what they used, the price key that they have, and how many they are.
SELECT provider, host, model_requested, model_responded, service_tier, price_key, count() AS calls
FROM llm_calls FINAL
WHERE started_at >= {start:DateTime} AND started_at < {end:DateTime}
GROUP BY provider, host, model_requested, model_responded, service_tier, price_key
ORDER BY calls DESC
