"""The statements of reports: one .sql per kind, whose Bool parameters switch the dimensions on."""
