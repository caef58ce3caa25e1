"""The demo's apps: three teams, each with one short program around its provider's own client library."""
