"""The demo: apps of three teams, and the provider server that answers them on the loopback address."""
