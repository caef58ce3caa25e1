-- One row = one attempt of the user or session, in any version that is stored.
SELECT DISTINCT toString(call_id) AS call FROM llm_calls WHERE lower(hex(SHA256(if({kind:String} = 'user', user_hash, session_id)))) = {digest:String}
