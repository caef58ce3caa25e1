-- One row = the number of the last update of the price book that is recorded as a whole and states something.
SELECT max(update_number) FROM price_statements WHERE update_number IN (SELECT number FROM price_updates)
