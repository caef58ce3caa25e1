"""Event log → store: read, check, price key, insert, commit; then roll up what was touched."""
