"""The collector's own metrics, in the Prometheus form; names and help stand here only."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram


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
        self.batch_records = Histogram(
            "tokentide_collector_batch_records",
            "Records of one batch.",
            ["source"],
            registry=registry,
            buckets=(1, 10, 100, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000),
        )
        self._add_lag(registry)
        self.intake_bytes = Gauge(
            "tokentide_collector_intake_bytes",
            "Bytes of requests that arrive or wait for the store.",
            registry=registry,
        )
        self.duplicates = Gauge(
            "tokentide_collector_duplicates",
            "Records that arrived again after they were stored, as the ledger tells; they count once.",
            registry=registry,
        )
        self.paused = Gauge(
            "tokentide_collector_paused",
            "1 while nothing is read because nearly everything would become a dead letter.",
            ["source"],
            registry=registry,
        )
        self.insert_seconds = Histogram(
            "tokentide_collector_insert_seconds", "Time to store one batch.", ["source"], registry=registry
        )
        self.repinned = Counter(
            "tokentide_collector_repinned_events_total",
            "Events that named another team or app than their token belongs to, and were given to the token's.",
            ["token", "field"],
            registry=registry,
        )

    def _add_lag(self, registry: CollectorRegistry) -> None:
        self.lag_records = Gauge(
            "tokentide_collector_lag_records",
            "Records that wait to be read: in Kafka's partitions of this collector, or in the HTTP intake; "
            "NaN until it is known.",
            ["source"],
            registry=registry,
        )
        self.lag_seconds = Gauge(
            "tokentide_collector_lag_seconds",
            "How long the oldest record that is not stored has waited, as far as it is known; 0 when there is none.",
            ["source"],
            registry=registry,
        )
        self.away_seconds = Gauge(
            "tokentide_collector_source_away_seconds",
            "For how long no Kafka broker has answered; 0 while one does, and always for HTTP.",
            ["source"],
            registry=registry,
        )
