-- One row = a month that is closed.
SELECT DISTINCT month FROM book_closings WHERE is_close ORDER BY month
