"""The composition root: the command line, the configuration, and the only place that knows every program."""
