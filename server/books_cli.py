"""The sub-commands of `tokentide books`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from server.config import load

books = typer.Typer(help="Close months, correct closed ones, and write what to charge.", no_args_is_help=True)

ConfigOption = Annotated[
    Path | None, typer.Option("--config", "-c", help="Configuration file; tokentide.toml here when it exists.")
]
ServerOption = Annotated[str | None, typer.Option(help="Let this running tokentide do it.")]
MonthArgument = Annotated[str, typer.Argument(help="Month, of UTC: 2026-10.")]


@books.command("close")
def close_command(month: MonthArgument, server: ServerOption = None, config: ConfigOption = None) -> None:
    """Close a month: what it cost is written down and never changed; what is found later becomes a correction."""
    from server.books import closed
    from server.books_command import print_booked
    from server.owner import ask_owner

    print_booked(ask_owner(load(config), "/api/admin/books/close", closed, {"month": month}, server))


@books.command("correct")
def correct_command(
    reason: Annotated[str, typer.Option(help="Why: it is kept with the corrections.")],
    server: ServerOption = None,
    config: ConfigOption = None,
) -> None:
    """Book by how much closed months differ now, as after events that came late. Closing a month does it too."""
    from server.books import corrected
    from server.books_command import print_booked
    from server.owner import ask_owner

    print_booked(ask_owner(load(config), "/api/admin/books/correct", corrected, {"reason": reason}, server))


@books.command("status")
def status_command(
    format: Annotated[str, typer.Option("--format", help="table or json.")] = "table",
    server: Annotated[str | None, typer.Option(help="Ask this running tokentide instead of opening the store.")] = None,
    config: ConfigOption = None,
) -> None:
    """Show every month: closed or open, what is booked, and what is known now."""
    from server.books_command import print_status

    print_status(load(config), format, server)


@books.command("export")
def export_command(
    month: MonthArgument,
    output: Annotated[str, typer.Option(help="File to write; - is standard output.")] = "-",
    server: Annotated[str | None, typer.Option(help="Ask this running tokentide instead of opening the store.")] = None,
    config: ConfigOption = None,
) -> None:
    """Write the chargeback of a closed month as CSV: its usage and every correction of it."""
    from server.books_command import write_chargeback

    count = write_chargeback(load(config), month, output, server)
    typer.echo(f"{count} entries of {month}", err=True)
