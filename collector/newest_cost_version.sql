-- One row = the number of the newest cost version, 0 while there is none.
SELECT max(number) FROM cost_versions
