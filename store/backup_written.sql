-- One row = how many rows a file of a backup has, and a sum over all of their values that does not depend on the order.
SELECT count() AS rows, toString(sum(cityHash64(tuple(*)))) AS checksum FROM file({path:String}, 'Native', {structure:String})
