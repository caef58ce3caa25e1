"""The sub-commands of `tokentide budgets`."""

from __future__ import annotations

import typer

from server.config import load
from server.options import AskOption, ConfigOption, FormatOption

budgets = typer.Typer(help="What may be spent, what is spent, and where that leads.", no_args_is_help=True)


@budgets.callback()
def _group() -> None:
    """Its only command has a name all the same."""


@budgets.command("status")
def status_command(
    format: FormatOption = "table",
    server: AskOption = None,
    config: ConfigOption = None,
) -> None:
    """Show how every budget stands. The exit code is 1 if one is exceeded or broken."""
    from server.budgets_command import print_status

    raise typer.Exit(0 if print_status(load(config), format, server) else 1)
