-- One row = how much is stored of one user or session: attempts, their texts, dead letters that hold its name.
SELECT
    (SELECT uniqExact(call_id) FROM llm_calls WHERE lower(hex(SHA256(if({kind:String} = 'user', user_hash, session_id)))) = {digest:String}) AS calls,
    (SELECT uniqExact(call_id) FROM llm_texts WHERE call_id IN (SELECT call_id FROM llm_calls WHERE lower(hex(SHA256(if({kind:String} = 'user', user_hash, session_id)))) = {digest:String})) AS texts,
    (SELECT uniqExact(dead_letter_id) FROM dead_letters WHERE (
    lower(hex(SHA256(JSONExtractString(body, if({kind:String} = 'user', 'user_hash', 'session_id'))))) = {digest:String}
    OR length({value:String}) >= 8 AND position(body, {value:String}) > 0
)) AS dead_letters
