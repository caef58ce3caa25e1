"""One .sql file for each panel, named by `Panel.query`."""
