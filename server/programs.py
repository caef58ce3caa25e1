"""Each program as the loops that it runs and the routes that it serves; `up` is all of them over one store."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from functools import partial

from prometheus_client import CollectorRegistry
from starlette.routing import BaseRoute
from tokentide.version import VERSION

import alerts.run
import analyzers.schedule
from collector.allocation import allocate
from collector.brake import Brake
from collector.config import CollectorConfig
from collector.dead_letter_topic import DeadLetterTopic
from collector.decode import Decoder
from collector.disk import disk_trouble
from collector.forgotten import ForgottenKeys
from collector.intake import routes as intake_routes
from collector.metrics import Metrics
from collector.pipeline import Pipeline
from collector.price_book.book import seed_prices
from collector.price_book.resolve import Resolver
from collector.price_book.stated import StatedNames, stated_models
from collector.rollup import LOOK_EVERY_S, RollUp, count_duplicates, touch_again
from collector.sources import open_source
from collector.sources.http import HttpIntake
from dashboards.page import routes as page_routes
from server.books import routes as book_routes
from server.budgets import routes as budget_routes
from server.config import Config
from server.dead_letters import DeadLetterDesk
from server.dead_letters import routes as dead_letter_routes
from server.exports import routes as export_routes
from server.focus.routes import routes as focus_routes
from server.keeping import routes as keeping_routes
from server.prices import routes as price_routes
from server.reports import routes as report_routes
from server.summary import routes as summary_routes
from store.connection import Store, check_free, open_store
from store.migrate import migrate
from store.retention import apply_retention, kept_since

Loop = Callable[[threading.Event], None]


def utc_now() -> datetime:
    """The clock of the programs."""
    return datetime.now(timezone.utc)


@dataclass(slots=True)
class Program:
    """Loops by name, each run on a thread of its own until it is told to stop, and HTTP routes.

    `checks` say by name what keeps a part from its work now, and nothing while it works.
    """

    loops: dict[str, Loop] = field(default_factory=dict)
    routes: list[BaseRoute] = field(default_factory=list)
    checks: dict[str, Callable[[], str]] = field(default_factory=dict)

    def add(self, other: Program) -> None:
        """Run `other` in the same process."""
        self.loops.update(other.loops)
        self.routes.extend(other.routes)
        self.checks.update(other.checks)


def prepare_store(config: Config) -> Store:
    """Open the store with today's tables, the seed of the price book and what a long stop has left to roll up.

    Raises StoreError.
    """
    check_free(config.store.address())
    store = open_store(config.store.address(), config.store.database)
    settings = config.store
    migrate(store, utc_now(), settings.cluster)
    apply_retention(store, settings.keep_calls_days, settings.keep_texts_days, utc_now(), settings.cluster)
    seed_prices(store, utc_now())
    touch_again(store)
    return store


def make_decoder(
    config: Config,
    store: Store | None,
    forgotten: ForgottenKeys | None = None,
    resolver: Resolver | None = None,
) -> Decoder:
    """The decoder of a collector over `store`: it refuses events that are older than what is kept of calls.

    Without `forgotten` it reads once who is forgotten, without `resolver` of which names prices are stated. Without a
    store it knows what the settings say, and nobody who is forgotten. Raises StoreError.
    """
    settings, keep_days = config.collector, config.store.keep_calls_days
    past = timedelta(days=min(settings.accept_past_days, keep_days or settings.accept_past_days))
    if store is not None:
        past = min(past, utc_now() - kept_since(store))
        if forgotten is None:
            forgotten = ForgottenKeys(store, utc_now)
            forgotten.refresh()
        if resolver is None:
            resolver = Resolver(config.prices.declared(), stated=stated_models(store))
    return Decoder(
        resolver or Resolver(config.prices.declared()),
        VERSION,
        settings.max_record_bytes,
        past,
        timedelta(minutes=settings.accept_future_minutes),
        forgotten,
        tuple(settings.ownership.values()),
        settings.capacity,
    )


def collector(config: Config, store: Store, registry: CollectorRegistry) -> Program:
    """Sources → store, and the roll-up of what was touched, and of what a killed collector left. Raises StoreError."""
    settings = config.collector
    program = Program()
    roll_up = RollUp(store)
    roll_up.recover()
    metrics = Metrics(registry)
    metrics.duplicates.set_function(lambda: count_duplicates(store))
    trouble = partial(disk_trouble, store.folder, config.store.least_free_bytes)
    forgotten = ForgottenKeys(store, utc_now)
    forgotten.refresh()
    resolver = Resolver(config.prices.declared())
    stated = StatedNames(store, resolver)
    stated.refresh()
    decoder = make_decoder(config, store, forgotten, resolver)
    sources = [open_source(name, settings) for name in settings.sources]
    for name, source in zip(settings.sources, sources, strict=True):
        if isinstance(source, HttpIntake):
            program.routes += intake_routes(source, settings, metrics, trouble)
            metrics.intake_bytes.set_function(source.waiting_bytes)
        topic, brake = _failures(name, settings)
        pipeline = Pipeline(source, decoder, store, roll_up, metrics, utc_now, topic, brake, trouble)
        program.loops[f"collector-{name}"] = pipeline.run
        program.checks[f"collector-{name}"] = partial(getattr, pipeline, "paused_reason")
    program.routes += dead_letter_routes(DeadLetterDesk(store, decoder, roll_up, utc_now))
    program.routes += keeping_routes(store, utc_now)
    program.routes += price_routes(store, config, utc_now)
    program.routes += book_routes(store, settings, utc_now)
    program.loops["forgotten-keys"] = forgotten.run
    program.loops["stated-names"] = stated.run
    if settings.capacity or settings.shared_costs:
        program.loops["allocation"] = lambda stop: allocate.run(
            store, settings.capacity, settings.shared_costs, stop, utc_now
        )
    look_every_s = math.inf if store.folder else LOOK_EVERY_S  # a folder has one collector
    program.loops["roll-up"] = lambda stop: roll_up.run(
        stop, settings.roll_up_every_s, lambda: any(source.waiting() for source in sources), look_every_s
    )
    return program


def _failures(source: str, settings: CollectorConfig) -> tuple[DeadLetterTopic | None, Brake]:
    """Where the dead letters of a source go beside the table, and when it pauses. Raises KafkaAway.

    HTTP never pauses: one sender whose events are all bad must not stop the others.
    """
    if source != "kafka":
        return None, Brake(limit=1.0)
    topic = DeadLetterTopic(settings) if settings.kafka_dead_letter_topic else None
    return topic, Brake(settings.dead_letter_limit, settings.dead_letter_limit_records)


def analyzers_program(config: Config, store: Store) -> Program:
    """Windows → measurements, on a schedule."""
    settings, budgets = config.analyzers, config.budgets
    return Program({"analyzers": lambda stop: analyzers.schedule.run(store, settings, stop, utc_now, budgets)})


def alerts_program(config: Config, store: Store) -> Program:
    """Rules → alert states → channels."""
    return Program({"alerts": lambda stop: alerts.run.run(store, config.alerts, stop, utc_now)})


def page(config: Config, store: Store) -> Program:
    """The built-in page and the reports."""
    served = (
        page_routes(store, config.dashboards),
        report_routes(store, utc_now),
        summary_routes(store, utc_now),
        export_routes(store, utc_now),
        focus_routes(store, utc_now),
        budget_routes(store, config.budgets, utc_now),
    )
    return Program(routes=[route for routes in served for route in routes])


def up(config: Config, store: Store, registry: CollectorRegistry) -> Program:
    """Everything in one process over one store."""
    program = collector(config, store, registry)
    for part in (analyzers_program(config, store), alerts_program(config, store), page(config, store)):
        program.add(part)
    return program
