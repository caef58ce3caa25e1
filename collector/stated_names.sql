-- One row = a model of which an override or a contract states rates.
SELECT DISTINCT provider, model
FROM price_statements
WHERE update_number IN (SELECT number FROM price_updates) AND layer != 'seed' AND discount IS NULL
ORDER BY provider, model
