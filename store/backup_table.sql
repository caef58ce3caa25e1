-- One row = one row of a table without those that others have replaced, in a file.
INSERT INTO FUNCTION file({path:String}, 'Native')
SELECT * FROM {table:Identifier} FINAL
SETTINGS engine_file_truncate_on_insert = 1
