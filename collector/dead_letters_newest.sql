-- One row = one dead letter without its bytes, the newest first.
SELECT dead_letter_id, received_at, reason, detail, source, log_place, log_offset, app, producer_id, seq
FROM dead_letters FINAL
WHERE received_at >= {since:DateTime64(3)}
    AND ({reason:String} = '' OR reason = {reason:String})
    AND ({source:String} = '' OR source = {source:String})
    AND (empty({ids:Array(UInt64)}) OR dead_letter_id IN {ids:Array(UInt64)})
ORDER BY received_at DESC, dead_letter_id
LIMIT {limit:UInt32}
