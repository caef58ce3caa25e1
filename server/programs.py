"""Each program as the loops that it runs and the routes that it serves; `up` is all of them over one store."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone

from prometheus_client import CollectorRegistry
from starlette.routing import BaseRoute
from tokentide.version import VERSION

import alerts.run
import analyzers.schedule
from collector.decode import Decoder
from collector.intake import routes as intake_routes
from collector.metrics import Metrics
from collector.pipeline import Pipeline
from collector.price_key import PriceKeys
from collector.prices import seed_prices
from collector.rollup import RollUp
from collector.sources import open_source
from collector.sources.http import HttpIntake
from dashboards.page import routes as page_routes
from server.config import Config
from server.reports import routes as report_routes
from server.summary import routes as summary_routes
from store.connection import Store, check_free, open_store
from store.migrate import migrate

Loop = Callable[[threading.Event], None]


def utc_now() -> datetime:
    """The clock of the programs."""
    return datetime.now(timezone.utc)


@dataclass(slots=True)
class Program:
    """Loops by name, each run on a thread of its own until it is told to stop, and HTTP routes."""

    loops: dict[str, Loop] = field(default_factory=dict)
    routes: list[BaseRoute] = field(default_factory=list)

    def add(self, other: Program) -> None:
        """Run `other` in the same process."""
        self.loops.update(other.loops)
        self.routes.extend(other.routes)


def prepare_store(config: Config) -> Store:
    """Open the store with today's tables and the seed of the price book. Raises StoreError."""
    check_free(config.store.address())
    store = open_store(config.store.address(), config.store.database)
    migrate(store, utc_now(), config.store.cluster)
    seed_prices(store, utc_now())
    return store


def collector(config: Config, store: Store, registry: CollectorRegistry) -> Program:
    """Sources → store, and the roll-up of what was touched."""
    settings = config.collector
    program = Program()
    roll_up = RollUp(store)
    metrics = Metrics(registry)
    decoder = Decoder(
        PriceKeys(),
        VERSION,
        settings.max_record_bytes,
        timedelta(days=settings.accept_past_days),
        timedelta(minutes=settings.accept_future_minutes),
    )
    for name in settings.sources:
        source = open_source(name, settings)
        if isinstance(source, HttpIntake):
            program.routes += intake_routes(source, settings)
        pipeline = Pipeline(source, decoder, store, roll_up, metrics, utc_now)
        program.loops[f"collector-{name}"] = pipeline.run
    program.loops["roll-up"] = lambda stop: roll_up.run(stop, settings.roll_up_every_s)
    return program


def analyzers_program(config: Config, store: Store) -> Program:
    """Windows → measurements, on a schedule."""
    return Program({"analyzers": lambda stop: analyzers.schedule.run(store, config.analyzers, stop, utc_now)})


def alerts_program(config: Config, store: Store) -> Program:
    """Rules → alert states → channels."""
    return Program({"alerts": lambda stop: alerts.run.run(store, config.alerts, stop, utc_now)})


def page(config: Config, store: Store) -> Program:
    """The built-in page and the reports."""
    served = (page_routes(store, config.dashboards), report_routes(store, utc_now), summary_routes(store, utc_now))
    return Program(routes=[route for routes in served for route in routes])


def up(config: Config, store: Store, registry: CollectorRegistry) -> Program:
    """Everything in one process over one store."""
    program = collector(config, store, registry)
    for part in (analyzers_program(config, store), alerts_program(config, store), page(config, store)):
        program.add(part)
    return program
