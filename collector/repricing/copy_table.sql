-- One row = a row of a table, copied; of rows that replace each other the one that counts, because copies have no order.
INSERT INTO {table:Identifier}
SELECT * FROM {source:Identifier}.{table:Identifier}
SETTINGS final = 1
