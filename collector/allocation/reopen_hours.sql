-- One row = an hour of a resource that was worked out before another one gave back calls of it that this one serves.
DELETE FROM capacity_hours
WHERE resource = {follower:String} AND hour IN
(
    SELECT toStartOfHour(started_at)
    FROM llm_calls
    WHERE capacity = {resource:String}
        AND started_at >= {start:DateTime}
        AND started_at < {end:DateTime}
        AND match(provider, {provider:String})
        AND match(host, {host:String})
        AND match(if(model_responded != '', model_responded, model_requested), {model:String})
)
SETTINGS mutations_sync = 2
