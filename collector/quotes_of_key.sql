-- One row = one text of a drift reference that the user or session said, cut as it was kept.
WITH said AS
(
    SELECT arrayJoin([prompt, response]) AS text
    FROM llm_texts
    WHERE call_id IN (SELECT call_id FROM llm_calls WHERE lower(hex(SHA256(if({kind:String} = 'user', user_hash, session_id)))) = {digest:String})
)
SELECT DISTINCT arrayJoin(texts) AS quoted
FROM drift_references
WHERE quoted != '' AND quoted IN
(
    SELECT substringUTF8(text, 1, length)
    FROM said
    CROSS JOIN (SELECT DISTINCT lengthUTF8(arrayJoin(texts)) AS length FROM drift_references) AS lengths
)
