-- One row = one table and the days after which it lets something go; 0 = it was never told to.
SELECT name, toUInt32OrZero(extract(create_table_query, 'TTL .*?_CAST\\((\\d+), ''UInt32''\\)')) AS days
FROM system.tables
WHERE database = currentDatabase() AND name IN ('llm_calls', 'llm_texts', 'dead_letters', 'drift_references', 'measurements')
