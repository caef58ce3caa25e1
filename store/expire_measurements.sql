-- One row = nothing: notes, which may quote texts, go so many days after their window; the numbers stay.
ALTER TABLE measurements MODIFY COLUMN note TTL toDateTime(least(toUnixTimestamp(window_end) + 86400 * {days:UInt32}, 4291747200), 'UTC')
