-- One row = a month: when it was closed, what was booked of it, and what its calls cost by what is known now.
SELECT
    month,
    max(closed_at) AS closed,
    sum(usage) AS usage_usd,
    sum(corrections) AS corrections_usd,
    sum(now) AS now_usd,
    sum(attempts_now) AS attempts,
    sum(priced_now) AS priced
FROM
(
    SELECT toStartOfMonth(hour) AS month, toDateTime64(0, 3, 'UTC') AS closed_at, toDecimal128(0, 12) AS usage,
        toDecimal128(0, 12) AS corrections, ifNull(hours.cost, toDecimal128(0, 12)) AS now,
        hours.attempts AS attempts_now, hours.priced AS priced_now
    FROM call_hours AS hours FINAL
    UNION ALL
    SELECT month, toDateTime64(0, 3, 'UTC'), if(kind = 'usage', booked.cost, toDecimal128(0, 12)),
        if(kind = 'correction', booked.cost, toDecimal128(0, 12)), toDecimal128(0, 12), 0, 0
    FROM book_entries AS booked
    WHERE closing IN (SELECT number FROM book_closings)
    UNION ALL
    SELECT month, recorded_at, toDecimal128(0, 12), toDecimal128(0, 12), toDecimal128(0, 12), 0, 0
    FROM book_closings
    WHERE is_close
)
GROUP BY month
ORDER BY month
