-- One row = one minute whose facts changed after its last complete roll-up. What was inserted shortly before that was perhaps
-- not seen by it, which only matters where its collector was killed right then: so it counts too, but only if it came in the
-- last seconds of all roll-ups for which nobody has looked yet, or every start would roll up days again. Times of changes are
-- cut to milliseconds.
SELECT touched.minute
FROM (SELECT minute, max(touched_at) AS at FROM touched_minutes GROUP BY minute) AS touched
LEFT JOIN
(
    SELECT minute, max(version) AS at
    FROM call_minutes
    WHERE minute IN (SELECT minute FROM touched_minutes)
    GROUP BY minute
) AS minutes ON minutes.minute = touched.minute
LEFT JOIN (SELECT hour, max(version) AS at FROM call_hours GROUP BY hour) AS hours
    ON hours.hour = toStartOfHour(touched.minute)
WHERE touched.at >= toDateTime64(least(minutes.at, hours.at), 3, 'UTC')
    OR (
        touched.at >= least(minutes.at, hours.at) - toIntervalSecond({overlap:UInt32})
        AND touched.at >= (SELECT max(version) FROM call_hours) - toIntervalSecond({within:UInt32})
    )
    -- Rolled up by a clock that was ahead and went back: what was touched since then only looks older.
    OR least(minutes.at, hours.at) > now64(6, 'UTC')
ORDER BY touched.minute
