-- One row = the dead letters of one reason, app and producer; `total` is how many there are of all together.
SELECT
    reason,
    if(letters.app != '', letters.app, reports.app) AS app,
    letters.producer_id AS producer_id,
    count() AS letters,
    min(letters.received_at) AS first_at,
    max(letters.received_at) AS last_at,
    sum(count()) OVER () AS total
FROM dead_letters AS letters FINAL
LEFT JOIN (SELECT producer_id, app FROM producer_reports FINAL) AS reports ON reports.producer_id = letters.producer_id
WHERE letters.received_at >= {since:DateTime64(3)}
    AND ({reason:String} = '' OR letters.reason = {reason:String})
    AND ({source:String} = '' OR letters.source = {source:String})
    AND (empty({ids:Array(UInt64)}) OR letters.dead_letter_id IN {ids:Array(UInt64)})
GROUP BY reason, app, producer_id
ORDER BY letters DESC, reason, app, producer_id
LIMIT {limit:UInt32}
