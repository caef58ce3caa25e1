-- One row = nothing: the attempts of the user or session keep their numbers; what could lead to a person is emptied, and
-- user and session get pseudonyms that nobody can make again once the salt is thrown away.
ALTER TABLE llm_calls UPDATE
    user_hash = if(user_hash = '', '', substring(lower(hex(SHA256(concat({salt:String}, user_hash)))), 1, 32)),
    session_id = if(session_id = '', '', substring(lower(hex(SHA256(concat({salt:String}, session_id)))), 1, 32)),
    trace_id = '',
    span_id = '',
    parent_span_id = '',
    response_id = '',
    request_id = '',
    prompt_hash = '',
    attributes = mapFilter((name, value) -> name = 'account', attributes),
    extra = CAST(map(), 'Map(String, String)')
WHERE lower(hex(SHA256(if({kind:String} = 'user', user_hash, session_id)))) = {digest:String}
SETTINGS mutations_sync = 2
