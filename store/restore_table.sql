-- One row = one row of a file of a backup. Nothing is merged or taken for a repeat on the way, so that it can be compared.
INSERT INTO {table:Identifier}
SELECT * FROM file({path:String}, 'Native', {structure:String})
SETTINGS insert_deduplicate = 0, optimize_on_insert = 0
