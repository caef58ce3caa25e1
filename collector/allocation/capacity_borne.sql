-- One row = what the calls of one hour bear of the cost of a resource, in US dollars.
SELECT toStartOfHour(calls.started_at) AS hour, sum(ifNull(calls.cost, toDecimal128(0, 12))) AS borne
FROM priced_calls AS calls
WHERE calls.capacity = {resource:String}
    AND calls.started_at >= {start:DateTime}
    AND calls.started_at < {end:DateTime}
GROUP BY hour
