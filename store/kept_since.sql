-- One row = the time since which no fact of a call has been removed, nor will be within twelve hours.
SELECT greatest(
    (SELECT max(before) FROM removed_facts),
    if(days = 0, toDateTime(0, 'UTC'), toDateTime(greatest(toInt64(toUnixTimestamp(now())) - 86400 * toInt64(days) + 43200, 0), 'UTC'))
) AS since
FROM
(
    SELECT toUInt32OrZero(extract(create_table_query, 'TTL .*?_CAST\\((\\d+), ''UInt32''\\)')) % 100000 AS days
    FROM system.tables
    WHERE database = currentDatabase() AND name = 'llm_calls'
)
