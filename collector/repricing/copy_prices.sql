-- One row = a price under a cost version, copied.
INSERT INTO effective_prices
SELECT * FROM {source:Identifier}.effective_prices WHERE cost_version = {version:UInt32}
