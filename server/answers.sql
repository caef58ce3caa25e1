-- One row = the store answers.
SELECT 1
