-- One row = the id and size of one dead letter that was last tried after one instant and before another, in that order.
-- One whose bytes are gone cannot be tried again.
SELECT dead_letter_id, length(body) AS bytes
FROM dead_letters FINAL
WHERE received_at >= {since:DateTime64(3)}
    AND ({reason:String} = '' OR reason = {reason:String})
    AND ({source:String} = '' OR source = {source:String})
    AND (empty({ids:Array(UInt64)}) OR dead_letter_id IN {ids:Array(UInt64)})
    AND notEmpty(body)
    AND decided_at < {before:DateTime64(6)}
    AND (decided_at, dead_letter_id) > ({after:DateTime64(6)}, {after_id:UInt64})
ORDER BY decided_at, dead_letter_id
LIMIT {limit:UInt32}
