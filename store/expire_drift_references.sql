-- One row = nothing: the texts of a reference go so many days after it was frozen; its vectors stay.
ALTER TABLE drift_references MODIFY COLUMN texts TTL toDateTime(least(toUnixTimestamp(frozen_at) + 86400 * {days:UInt32}, 4291747200), 'UTC')
