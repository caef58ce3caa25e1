"""The tables and the one way to reach them, embedded (chDB) or on a ClickHouse server."""
