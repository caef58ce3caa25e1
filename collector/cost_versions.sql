-- One row = one cost version: which calls are priced with what the book said after which update.
SELECT DISTINCT number, update_number, calls_from, calls_to FROM cost_versions ORDER BY number
