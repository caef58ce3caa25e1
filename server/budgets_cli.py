"""The sub-commands of `tokentide budgets`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from server.config import load

budgets = typer.Typer(help="What may be spent, what is spent, and where that leads.", no_args_is_help=True)

ConfigOption = Annotated[
    Path | None, typer.Option("--config", "-c", help="Configuration file; tokentide.toml here when it exists.")
]


@budgets.callback()
def _group() -> None:
    """Its only command has a name all the same."""


@budgets.command("status")
def status_command(
    format: Annotated[str, typer.Option("--format", help="table or json.")] = "table",
    server: Annotated[str | None, typer.Option(help="Ask this running tokentide instead of opening the store.")] = None,
    config: ConfigOption = None,
) -> None:
    """Show how every budget stands. The exit code is 1 if one is exceeded or broken."""
    from server.budgets_command import print_status

    raise typer.Exit(0 if print_status(load(config), format, server) else 1)
