-- One row = a call that is paid by the token, because the resource that served it was not paid at that time.
ALTER TABLE llm_calls UPDATE capacity = ''
WHERE capacity = {resource:String} AND started_at >= {start:DateTime} AND started_at < {end:DateTime}
SETTINGS mutations_sync = 2
