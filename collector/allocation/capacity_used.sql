-- One row = what the calls of one hour used of a resource; weight is what they would have cost at list prices, in
-- picodollars. Tokens of a model that has no list price weigh a dollar a million. Those of
-- contradictory usage are in none of them.
SELECT
    toStartOfHour(calls.started_at) AS hour,
    count() AS calls,
    sumIf(ifNull(calls.input_tokens, 0), calls.usage_kind != 5) AS input_tokens,
    sumIf(ifNull(calls.output_tokens, 0), calls.usage_kind != 5) AS output_tokens,
    sum(multiIf(
        calls.usage_kind < 7, 0,
        NOT calls.is_priced, 1000000 * toInt64(ifNull(calls.input_tokens, 0) + ifNull(calls.output_tokens, 0)),
        calls.picodollars)) AS weight
FROM priced_calls_at(version = {version:UInt32}, contracts = 0) AS calls
WHERE calls.capacity = {resource:String}
    AND calls.is_attempt
    AND calls.started_at >= {start:DateTime}
    AND calls.started_at < {end:DateTime}
GROUP BY hour
