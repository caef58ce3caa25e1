-- One row = a dead letter of the user or session that came lately: one of them is enough to know that there are some.
SELECT dead_letter_id
FROM dead_letters
WHERE received_at >= {since:DateTime64(3)}
    AND lower(hex(SHA256(JSONExtractString(body, if({kind:String} = 'user', 'user_hash', 'session_id'))))) = {digest:String}
LIMIT 1
