-- One row = what one team was charged of a shared cost for one day, in US dollars.
SELECT toDateTime(started_at) AS day, team, provider_reported_cost AS amount
FROM llm_calls FINAL
WHERE toStartOfMinute(started_at) IN {days:Array(DateTime)}
    AND operation = 'charge'
    AND provider = 'shared'
    AND model_requested = {label:String}
