-- One row = a number that no update of the price book has, not even one that was not recorded as a whole.
SELECT greatest((SELECT max(number) FROM price_updates), (SELECT max(update_number) FROM price_statements)) + 1
