-- One row = one table or view of this database and the statement that creates it.
SELECT
    name,
    formatQuery(create_table_query) AS statement
FROM system.tables
WHERE database = currentDatabase() AND NOT startsWith(name, '.inner')
ORDER BY name
