-- One row = one statement of an update of the price book that was recorded as a whole, once even if it was written twice.
SELECT DISTINCT * EXCEPT (recorded_at)
FROM price_statements
WHERE update_number IN (SELECT number FROM price_updates)
ORDER BY update_number, position
