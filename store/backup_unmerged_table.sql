-- One row = one row of a table in a file.
INSERT INTO FUNCTION file({path:String}, 'Native')
SELECT * FROM {table:Identifier}
SETTINGS engine_file_truncate_on_insert = 1
