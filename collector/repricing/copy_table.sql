-- One row = a row of a table, copied.
INSERT INTO {table:Identifier}
SELECT * FROM {source:Identifier}.{table:Identifier}
