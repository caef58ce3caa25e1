-- One row = the number of the last update of the price book.
SELECT max(number) FROM price_updates
