-- One row = one dead letter with its bytes in Base64, as it stands now; a replayed one is among them, without its bytes.
SELECT
    dead_letter_id,
    received_at,
    reason,
    detail,
    source,
    log_place,
    log_offset,
    app,
    producer_id,
    seq,
    decided_at,
    replayed,
    base64Encode(body) AS body
FROM dead_letters
WHERE dead_letter_id IN {ids:Array(UInt64)}
ORDER BY decided_at DESC, replayed DESC
LIMIT 1 BY dead_letter_id
