"""The command line `tokentide`."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Literal

import typer
from prometheus_client import CollectorRegistry

from alerts.rule import RuleError
from collector.senders import TokensError
from collector.sources.kafka import KafkaAway
from server import logs
from server.admin import access_of
from server.books_cli import books
from server.budgets_cli import budgets
from server.config import Config, ConfigError, load
from server.dead_letters_cli import deadletters
from server.memory import give_back_freed_memory
from server.options import AskOption, ConfigOption, LetOption
from server.prices_cli import prices
from server.programs import Program, alerts_program, analyzers_program, page, prepare_store, up
from server.programs import collector as collector_program
from server.serve import AddressInUse, LoopFailed, listen, serve
from server.tls import check_tls
from store.connection import Store
from store.errors import StoreError

EXPECTED = (ConfigError, StoreError, AddressInUse, LoopFailed, KafkaAway, RuleError, TokensError)

app = typer.Typer(
    name="tokentide",
    help="Every LLM call accounted for: what it cost, who spent it, how slow it was, how close to the limit.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

app.add_typer(deadletters, name="deadletters")
app.add_typer(prices, name="prices")
app.add_typer(books, name="books")
app.add_typer(budgets, name="budgets")

PortOption = Annotated[int | None, typer.Option(help="Port to listen on; 0 takes a free one.")]


def _settings(file: Path | None, port: int | None = None) -> Config:
    config = load(file, server={} if port is None else {"port": port})
    logs.configure(config.server.log_level, config.server.log_format)
    return config


def _run(config: Config, make: Callable[[Store, CollectorRegistry], Program], name: str) -> None:
    give_back_freed_memory()
    access = access_of(config.server)
    check_tls(config.server)
    listener = listen(config.server)
    registry = CollectorRegistry()
    store = prepare_store(config)
    program = make(store, registry)
    host, port = listener.getsockname()[:2]
    scheme = "https" if config.server.tls_certificate else "http"
    typer.echo(f"tokentide {name} listens on {scheme}://{host}:{port}", err=True)
    serve(program, store, listener, registry, access, config.server)


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
    """Run the analyzers alone: cost, latency, rate limits, drift and budgets, on their schedule."""
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
    kind: Annotated[str, typer.Argument(help="cost, money, latency, limits, drift, capacity, losses or ledger.")],
    by: Annotated[
        str | None,
        typer.Option(
            help="Dimensions, separated by commas: team (the default), app, feature, model, …; "
            "of cost and money also user, session, prompt, prompt_version and attribute:NAME."
        ),
    ] = None,
    last: Annotated[str, typer.Option(help="How far back: 30m, 24h, 7d.")] = "24h",
    compare: Annotated[
        str | None, typer.Option(help="previous: cost beside that of as long a time before, the largest change first.")
    ] = None,
    limit: Annotated[int | None, typer.Option(help="At most so many rows of cost or money, and the total.")] = None,
    format: Annotated[str, typer.Option("--format", help="table, json or csv.")] = "table",
    server: AskOption = None,
    config: ConfigOption = None,
) -> None:
    """Print a report of cost, of what money was spent for, capacity, latency, rate limits, drift or lost events."""
    from server.report_command import print_report

    print_report(_settings(config), kind, by, last, format, server, compare, limit)


@app.command("import")
def import_command(
    file: Annotated[str, typer.Argument(help="File to read, packed if it ends in .gz or .zst; - for standard input.")],
    kind: Annotated[
        Literal["langfuse", "litellm", "openai-usage", "jsonl"],
        typer.Option("--from", help="Who wrote it; jsonl is tokentide's own events, one a line."),
    ],
    server: Annotated[str | None, typer.Option(help="Send to this running tokentide instead of the store.")] = None,
    token_file: Annotated[Path | None, typer.Option(help="File that holds a sender's token for it.")] = None,
    team: Annotated[str, typer.Option(help="Team of the records that name none.")] = "",
    app_name: Annotated[str, typer.Option("--app", help="App of the records that name none.")] = "",
    content: Annotated[
        Literal["off", "masked", "full"], typer.Option(help="What is kept of texts; jsonl stays as it is.")
    ] = "masked",
    until: Annotated[
        str,
        typer.Option(help="openai-usage: leave out what is used after this instant, because hooks record it; or now."),
    ] = "",
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Store nothing, only say what would become of it.")
    ] = False,
    again: Annotated[
        bool, typer.Option("--again", help="Start at the first record, also after an interrupted import of this file.")
    ] = False,
    config: ConfigOption = None,
) -> None:
    """Import what other tools have recorded. Importing twice counts once; an interrupted import goes on.

    The exit code is 1 when a record was refused or could not be read, or the file ended too early; all others are
    stored.
    """
    from server.import_command import parse_until, run_import
    from server.import_options import ImportOptions

    options = ImportOptions(file, kind, server, team, app_name, content, parse_until(until), dry_run, token_file, again)
    raise typer.Exit(run_import(_settings(config), options))


@app.command("token")
def token_command() -> None:
    """Make a token for a sender or a reader, and the hash of it that the collector's settings hold."""
    from server.token_command import describe, new_token

    typer.echo(describe(new_token()))


@app.command("forget")
def forget_command(
    user: Annotated[str | None, typer.Option(help="The user_hash to forget.")] = None,
    session: Annotated[str | None, typer.Option(help="The session_id to forget.")] = None,
    user_id: Annotated[str | None, typer.Option(help="The plain user to forget, as the app names it.")] = None,
    user_key: Annotated[
        str, typer.Option(envvar="TOKENTIDE_USER_KEY", help="With --user-id: the user_key of the app's SDK.")
    ] = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be deleted.")] = False,
    server: LetOption = None,
    config: ConfigOption = None,
) -> None:
    """Delete the texts of a user or session for good, and prove that no sum changed."""
    from server.forget_command import run_forget, whom

    asked = {**whom(user, session, user_id, user_key), "dry_run": dry_run}
    raise typer.Exit(0 if run_forget(_settings(config), asked, server) else 1)


@app.command("export")
def export_command(
    what: Annotated[str, typer.Option(help="calls, texts, minutes, hours or ledger.")],
    start: Annotated[str, typer.Option("--from", help="First day or instant: 2026-11-20, 2026-11-20T12:00:00Z.")],
    end: Annotated[str, typer.Option("--to", help="End, not included; now when left away.")] = "",
    team: Annotated[str, typer.Option(help="Only this team.")] = "",
    format: Annotated[str, typer.Option("--format", help="parquet, csv or jsonl.")] = "parquet",
    output: Annotated[str, typer.Option(help="File to write; - is standard output.")] = "-",
    server: AskOption = None,
    config: ConfigOption = None,
) -> None:
    """Write calls, texts or totals as Parquet, CSV or JSON lines."""
    from server.export_command import Wanted, write_export

    write_export(_settings(config), Wanted(what, start, end, team, format), output, server)


@app.command("backup")
def backup_command(
    folder: Annotated[Path, typer.Argument(help="Folder to create, on the machine that holds the store.")],
    server: LetOption = None,
    config: ConfigOption = None,
) -> None:
    """Write a backup of the embedded store, also while it is used."""
    from server.backup_command import run_backup

    run_backup(_settings(config), folder, server)


@app.command("restore")
def restore_command(
    folder: Annotated[Path, typer.Argument(help="Folder of a backup.")],
    force: Annotated[bool, typer.Option("--force", help="Replace what is in the store.")] = False,
    config: ConfigOption = None,
) -> None:
    """Make a backup the embedded store, and compare every table with what was backed up."""
    from server.backup_command import run_restore

    differences = run_restore(_settings(config), folder, force)
    for difference in differences:
        typer.echo(difference, err=True)
    raise typer.Exit(1 if differences else 0)


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
