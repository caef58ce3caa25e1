-- One row = a price under a cost version that was only tried.
DELETE FROM effective_prices WHERE cost_version = {version:UInt32} AND cost_version NOT IN (SELECT number FROM cost_versions)
