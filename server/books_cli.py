"""The sub-commands of `tokentide books`."""

from __future__ import annotations

from functools import partial
from typing import Annotated

import typer

from server.config import load
from server.options import AskOption, ConfigOption, FormatOption, LetOption

books = typer.Typer(help="Close months, correct closed ones, and write what to charge.", no_args_is_help=True)

MonthArgument = Annotated[str, typer.Argument(help="Month, of UTC: 2026-10.")]


@books.command("close")
def close_command(month: MonthArgument, server: LetOption = None, config: ConfigOption = None) -> None:
    """Close a month: what it cost is written down and never changed; what is found later becomes a correction."""
    from server.books import closed
    from server.books_command import print_booked
    from server.owner import ask_owner

    settings = load(config)
    close = partial(closed, config=settings.collector)
    print_booked(ask_owner(settings, "/api/admin/books/close", close, {"month": month}, server))


@books.command("correct")
def correct_command(
    reason: Annotated[str, typer.Option(help="Why: it is kept with the corrections.")],
    server: LetOption = None,
    config: ConfigOption = None,
) -> None:
    """Book by how much closed months differ now, as after events that came late. Closing a month does it too."""
    from server.books import corrected
    from server.books_command import print_booked
    from server.owner import ask_owner

    print_booked(ask_owner(load(config), "/api/admin/books/correct", corrected, {"reason": reason}, server))


@books.command("status")
def status_command(
    format: FormatOption = "table",
    server: AskOption = None,
    config: ConfigOption = None,
) -> None:
    """Show every month: closed or open, what is booked, and what is known now."""
    from server.books_command import print_status

    print_status(load(config), format, server)


@books.command("export")
def export_command(
    month: MonthArgument,
    output: Annotated[str, typer.Option(help="File to write; - is standard output.")] = "-",
    server: AskOption = None,
    config: ConfigOption = None,
) -> None:
    """Write the chargeback of a closed month as CSV: its usage and every correction of it."""
    from server.books_command import write_chargeback

    count = write_chargeback(load(config), month, output, server)
    typer.echo(f"{count} lines of {month}", err=True)


@books.command("focus")
def focus_command(
    output: Annotated[str, typer.Option(help="Folder to write to: one file a day, focus-2026-10-31.csv.")],
    day: Annotated[str, typer.Argument(help="Day, of UTC: 2026-10-31.")] = "",
    start: Annotated[str, typer.Option("--from", help="First day.")] = "",
    end: Annotated[str, typer.Option("--to", help="Day after the last one.")] = "",
    version: Annotated[str, typer.Option(help="FOCUS version: 1.2, 1.3 or 1.4.")] = "1.3",
    format: Annotated[str, typer.Option("--format", help="csv or parquet.")] = "csv",
    server: AskOption = None,
    config: ConfigOption = None,
) -> None:
    """Write what each day costs as files of the FinOps Open Cost and Usage Specification (FOCUS)."""
    from server.focus_command import Wanted, write_focus

    write_focus(load(config), Wanted(day, start, end, version, format), output, server)
