"""`tokentide deadletters` on the command line; the work is in dead_letters_command."""

from __future__ import annotations

from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from server import logs
from server.config import load
from server.options import AskOption, ConfigOption, FormatOption

if TYPE_CHECKING:
    from server.dead_letters_command import Desk

deadletters = typer.Typer(
    help="Records that could not become rows: list, show, replay and mend them.", no_args_is_help=True
)
ReasonOption = Annotated[str | None, typer.Option(help="Only those with this reason, such as wrong_type.")]
SourceOption = Annotated[str | None, typer.Option(help="Only those that came over http or kafka.")]
LetterOption = Annotated[list[str] | None, typer.Option("--ids", help="Only this id; repeat it for more.")]
SinceOption = Annotated[str | None, typer.Option(help="Only those that arrived since: 30m, 24h, 7d.")]
LetterArgument = Annotated[str, typer.Argument(help="The id of a dead letter, as the list names it.")]


@deadletters.command("list")
def list_letters_command(
    reason: ReasonOption = None,
    source: SourceOption = None,
    last: SinceOption = None,
    limit: Annotated[int, typer.Option(help="How many groups and examples.")] = 20,
    format: FormatOption = "table",
    server: AskOption = None,
    config: ConfigOption = None,
) -> None:
    """How many there are by reason, app and producer, and the newest of them."""
    from server.dead_letters_command import print_list

    with _desk(config, server) as desk:
        print_list(desk, {"reason": reason, "source": source, "last": last, "limit": limit}, format)


@deadletters.command("show")
def show_letter_command(
    id: LetterArgument,
    format: Annotated[str, typer.Option("--format", help="table, json, or raw for the bytes alone.")] = "table",
    server: AskOption = None,
    config: ConfigOption = None,
) -> None:
    """Everything about one dead letter, with its bytes."""
    from server.dead_letters_command import print_letter

    with _desk(config, server) as desk:
        print_letter(desk, id, format)


@deadletters.command("replay")
def replay_letters_command(
    reason: ReasonOption = None,
    source: SourceOption = None,
    ids: LetterOption = None,
    last: SinceOption = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Write nothing; say what could be stored.")] = False,
    format: FormatOption = "table",
    server: AskOption = None,
    config: ConfigOption = None,
) -> None:
    """Try dead letters once more, all of them or those that the options choose."""
    from server.dead_letters_command import replay

    asked = {"reason": reason, "source": source, "ids": ids, "last": last, "dry_run": dry_run}
    with _desk(config, server, writes=True) as desk:
        replay(desk, asked, format)


@deadletters.command("mend")
def mend_letter_command(
    id: LetterArgument,
    file: Annotated[Path, typer.Argument(help="File with the bytes that the record should have had.")],
    server: AskOption = None,
    config: ConfigOption = None,
) -> None:
    """Store the bytes of a file in the place of a dead letter's."""
    from server.dead_letters_command import mend

    with _desk(config, server, writes=True) as desk:
        mend(desk, id, file)


def _desk(file: Path | None, server: str | None, writes: bool = False) -> AbstractContextManager[Desk]:
    from server.dead_letters_command import open_desk

    config = load(file)
    logs.configure(config.server.log_level, config.server.log_format)
    return open_desk(config, server, writes)
