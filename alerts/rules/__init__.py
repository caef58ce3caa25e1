"""The shipped rules: one .yaml file and its query, a .sql file, for each alert."""
