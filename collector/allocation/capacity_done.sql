-- One row = an hour of a resource that was worked out, and when that was.
SELECT hour, computed_at
FROM capacity_hours FINAL
WHERE resource = {resource:String} AND hour >= {start:DateTime} AND hour < {end:DateTime}
