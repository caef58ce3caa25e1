-- One row = what the calls of one minute that share the dimensions cost under a cost version.
INSERT INTO staged_minutes
SELECT {version:UInt32} AS cost_version, minute, dimensions, attempts, priced, unpriced, cost, estimated_cost, saved
FROM cost_minutes_at(version = {version:UInt32}, start = {start:DateTime}, end = {end:DateTime})
