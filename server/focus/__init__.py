"""A day of calls as a file of the FinOps Open Cost and Usage Specification (FOCUS), and its metadata."""
