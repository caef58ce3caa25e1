-- One row = how many calls mark_calls would make the resource's own; the conditions are the same.
SELECT count()
FROM llm_calls
WHERE capacity = ''
    AND operation != 'charge'
    AND started_at >= {start:DateTime}
    AND started_at < {end:DateTime}
    AND toStartOfHour(started_at) NOT IN (SELECT hour FROM capacity_hours WHERE resource = {resource:String})
    AND match(provider, {provider:String})
    AND match(host, {host:String})
    AND match(if(model_responded != '', model_responded, model_requested), {model:String})
