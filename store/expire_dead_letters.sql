-- One row = nothing: the bytes of dead letters go so many days after they came; the rows stay, so that they are counted.
ALTER TABLE dead_letters
    MODIFY COLUMN body TTL toDateTime(least(toUnixTimestamp(received_at) + 86400 * {days:UInt32}, 4291747200), 'UTC'),
    MODIFY COLUMN detail TTL toDateTime(least(toUnixTimestamp(received_at) + 86400 * {days:UInt32}, 4291747200), 'UTC')
