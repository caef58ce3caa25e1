-- One row = one table that holds data, its columns, and whether rows of it replace or complete each other.
SELECT
    name,
    engine NOT IN ('MergeTree', 'ReplicatedMergeTree') AS merged,
    columns.structure AS structure
FROM system.tables AS tables
INNER JOIN
(
    SELECT table, arrayStringConcat(groupArray(concat('`', name, '` ', type)), ', ') AS structure
    FROM (SELECT table, name, type FROM system.columns WHERE database = currentDatabase() AND default_kind NOT IN ('ALIAS', 'MATERIALIZED') ORDER BY table, position)
    GROUP BY table
) AS columns ON columns.table = tables.name
WHERE database = currentDatabase() AND endsWith(engine, 'MergeTree') AND name != 'schema_migrations'
ORDER BY name
