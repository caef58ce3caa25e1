"""The collector's own metrics, in the Prometheus form; names and help stand here only."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Histogram


class Metrics:
    """Counters and histograms of one collector, registered in `registry`."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.stored = Counter(
            "tokentide_collector_stored_records_total",
            "Records acknowledged by the store.",
            ["source"],
            registry=registry,
        )
        self.dead_letters = Counter(
            "tokentide_collector_dead_letters_total",
            "Records that became dead letters, by reason.",
            ["source", "reason"],
            registry=registry,
        )
        self.insert_seconds = Histogram(
            "tokentide_collector_insert_seconds", "Time to store one batch.", ["source"], registry=registry
        )
