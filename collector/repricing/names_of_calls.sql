-- One row = how calls of one payer name what they used in a span of time, the price key that they have, and how many they
-- are. capacity is the resource of flat cost that pays, empty for calls that are paid by the token.
SELECT provider, host, model_requested, model_responded, service_tier, price_key, count() AS calls
FROM llm_calls FINAL
WHERE capacity = {capacity:String} AND started_at >= {start:DateTime} AND started_at < {end:DateTime}
GROUP BY provider, host, model_requested, model_responded, service_tier, price_key
ORDER BY calls DESC
