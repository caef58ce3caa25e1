-- One row = how the month of a day stands: when it was closed, by which cost version, what is booked of the day, and the newest cost version.
SELECT
    (SELECT max(number) FROM cost_versions) AS newest_version,
    maxIf(recorded_at, is_close) AS closed_at,
    maxIf(cost_version, is_close) AS closing_version,
    (
        SELECT sum(cost) FROM book_entries
        WHERE day = {day:Date} AND closing IN (SELECT number FROM book_closings)
    ) AS booked
FROM book_closings
WHERE month = toStartOfMonth({day:Date})
