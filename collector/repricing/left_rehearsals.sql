-- One row = a database in which a re-pricing was tried, before some time, and that was not dropped.
SELECT name FROM system.databases WHERE startsWith(name, {prefix:String}) AND name < {before:String}
