-- One row = an hour of a resource in which it is not paid.
DELETE FROM capacity_hours
WHERE resource = {resource:String} AND hour >= {start:DateTime} AND hour < {end:DateTime}
SETTINGS mutations_sync = 2
