-- One row = nothing: rows of llm_texts go so many days after the call began; the last day that the engine can tell is never.
ALTER TABLE llm_texts MODIFY TTL toDateTime(least(toUnixTimestamp(started_at) + 86400 * {days:UInt32}, 4291747200), 'UTC')
