-- One row = one note of a finding that quotes what the user or session said: on one line, its beginning in quotation marks.
WITH said AS
(
    SELECT arrayJoin([prompt, response]) AS text
    FROM llm_texts
    WHERE call_id IN (SELECT call_id FROM llm_calls WHERE lower(hex(SHA256(if({kind:String} = 'user', user_hash, session_id)))) = {digest:String})
)
SELECT DISTINCT note
FROM (SELECT DISTINCT note FROM measurements WHERE startsWith(note, 'drift:')) AS findings
CROSS JOIN (SELECT DISTINCT substringUTF8(trimBoth(replaceRegexpAll(text, '\\s+', ' ')), 1, 60) AS head FROM said) AS heads
WHERE head != '' AND position(note, concat('“', head)) > 0
