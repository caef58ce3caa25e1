-- One row = how many rows a restored table has, and a sum over all of their values that does not depend on the order.
SELECT count() AS rows, toString(sum(cityHash64(tuple(*)))) AS checksum FROM {table:Identifier}
