"""The command line `tokentide`."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Literal

import typer
from prometheus_client import CollectorRegistry

from alerts.rule import RuleError
from collector.sources.kafka import KafkaAway
from server import logs
from server.config import Config, ConfigError, load
from server.programs import Program, alerts_program, analyzers_program, page, prepare_store, up
from server.programs import collector as collector_program
from server.serve import AddressInUse, LoopFailed, listen, serve
from store.connection import Store
from store.errors import StoreError

EXPECTED = (ConfigError, StoreError, AddressInUse, LoopFailed, KafkaAway, RuleError)

app = typer.Typer(
    name="tokentide",
    help="Every LLM call accounted for: what it cost, who spent it, how slow it was, how close to the limit.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

ConfigOption = Annotated[
    Path | None, typer.Option("--config", "-c", help="Configuration file; tokentide.toml here when it exists.")
]
PortOption = Annotated[int | None, typer.Option(help="Port to listen on; 0 takes a free one.")]


def _settings(file: Path | None, port: int | None = None) -> Config:
    config = load(file, server={} if port is None else {"port": port})
    logs.configure(config.server.log_level)
    return config


def _run(config: Config, make: Callable[[Store, CollectorRegistry], Program], name: str) -> None:
    listener = listen(config.server)
    registry = CollectorRegistry()
    store = prepare_store(config)
    program = make(store, registry)
    host, port = listener.getsockname()[:2]
    typer.echo(f"tokentide {name} listens on http://{host}:{port}", err=True)
    serve(program, store, listener, registry)


@app.command("up")
def up_command(config: ConfigOption = None, port: PortOption = None) -> None:
    """Run everything in one process: intake, store, roll-ups, analyzers, alerts and the page."""
    settings = _settings(config, port)
    _run(settings, lambda store, registry: up(settings, store, registry), "up")


@app.command("collector")
def collector_command(config: ConfigOption = None, port: PortOption = None) -> None:
    """Run the collector alone: Kafka or HTTP intake into the store."""
    settings = _settings(config, port)
    _run(settings, lambda store, registry: collector_program(settings, store, registry), "collector")


@app.command("analyzers")
def analyzers_command(config: ConfigOption = None, port: PortOption = None) -> None:
    """Run the analyzers alone: cost, latency, rate limits and drift, on their schedule."""
    settings = _settings(config, port)
    _run(settings, lambda store, registry: analyzers_program(settings, store), "analyzers")


@app.command("alerts")
def alerts_command(config: ConfigOption = None, port: PortOption = None) -> None:
    """Run the alerts alone: evaluate the rules and notify."""
    settings = _settings(config, port)
    _run(settings, lambda store, registry: alerts_program(settings, store), "alerts")


@app.command("page")
def page_command(config: ConfigOption = None, port: PortOption = None) -> None:
    """Serve the built-in page and the reports alone, over a ClickHouse server."""
    settings = _settings(config, port)
    _run(settings, lambda store, registry: page(settings, store), "page")


@app.command("migrate")
def migrate_command(config: ConfigOption = None) -> None:
    """Create or upgrade the tables and the price book, then exit."""
    settings = _settings(config)
    prepare_store(settings).close()
    typer.echo(f"the tables in {settings.store.database} are current", err=True)


@app.command("check")
def check_command(config: ConfigOption = None) -> None:
    """Check configuration, rules, statements and dashboards without running anything."""
    from server.check import check

    failed = False
    for subject, problems in check(_settings(config)):
        typer.echo(f"{'ok   ' if not problems else 'WRONG'} {subject}")
        for problem in problems:
            failed = True
            typer.echo(f"      {problem}")
    raise typer.Exit(1 if failed else 0)


@app.command("report")
def report_command(
    kind: Annotated[str, typer.Argument(help="cost, latency, limits, drift or losses.")],
    by: Annotated[
        str | None, typer.Option(help="Dimensions, separated by commas: team (the default), app, feature, model, …")
    ] = None,
    last: Annotated[str, typer.Option(help="How far back: 30m, 24h, 7d.")] = "24h",
    format: Annotated[str, typer.Option("--format", help="table, json or csv.")] = "table",
    server: Annotated[str | None, typer.Option(help="Ask this running tokentide instead of opening the store.")] = None,
    config: ConfigOption = None,
) -> None:
    """Print a report of cost, latency, rate limits, drift or lost events."""
    from server.report_command import print_report

    print_report(_settings(config), kind, by, last, format, server)


@app.command("demo")
def demo_command(
    once: Annotated[bool, typer.Option("--once", help="Make a fixed number of calls, compare, and exit.")] = False,
    json: Annotated[bool, typer.Option("--json", help="With --once: print the summary as JSON.")] = False,
    calls: Annotated[int, typer.Option(help="With --once: how many calls the apps make.", min=240)] = 600,
    transport: Annotated[Literal["http", "kafka"], typer.Option(help="How events travel.")] = "http",
    rate: Annotated[float, typer.Option(help="Calls a second while it runs.", min=0.5)] = 20.0,
    minutes: Annotated[float | None, typer.Option(help="Stop by itself after so many minutes.")] = None,
    seed: Annotated[int, typer.Option(help="Seed of everything random.")] = 3,
    port: Annotated[int, typer.Option(help="Port of the page; 0 takes a free one.")] = 0,
) -> None:
    """Watch three teams' apps call two providers, and follow every call to the page and to an alert."""
    from server.demo.run import DemoOptions, run_demo

    options = DemoOptions(
        once=once, json=json, calls=calls, transport=transport, rate=rate, minutes=minutes, seed=seed, port=port
    )
    raise typer.Exit(run_demo(options))


def main(arguments: list[str] | None = None) -> Any:
    """Run the command line; an expected trouble is one sentence on standard error and exit code 1."""
    try:
        return app(arguments)
    except EXPECTED as error:
        typer.echo(f"tokentide: {error}", err=True)
        sys.exit(1)


if __name__ == "__main__":
    main()
