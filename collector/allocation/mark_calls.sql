-- One row = a call of an hour not worked out yet that was served by a resource which was declared only after it arrived.
ALTER TABLE llm_calls UPDATE capacity = {resource:String}
WHERE capacity = ''
    AND operation != 'charge'
    AND started_at >= {start:DateTime}
    AND started_at < {end:DateTime}
    AND toStartOfHour(started_at) NOT IN (SELECT hour FROM capacity_hours WHERE resource = {resource:String})
    AND match(provider, {provider:String})
    AND match(host, {host:String})
    AND match(if(model_responded != '', model_responded, model_requested), {model:String})
SETTINGS mutations_sync = 2
