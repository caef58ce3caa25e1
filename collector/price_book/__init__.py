"""The price book: what a call's names mean, and what was known of its price."""
