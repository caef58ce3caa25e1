-- One row = one who takes a number for a cost version; see PriceBook.reserve.
SELECT DISTINCT price_key FROM effective_prices WHERE cost_version = {version:UInt32} AND source = 'reserved'
