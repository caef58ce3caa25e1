"""How far an import is: a bar on a terminal, else a line now and then."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Final, Protocol

import typer
from rich import progress as bars
from rich.console import Console

_RECORDS_A_LINE: Final = 10_000


class Progress(Protocol):
    """Is told how far the import is."""

    def taken(self, read: int, stored: int, stream: BinaryIO) -> None:
        """So many records are read and stored, up to the place of `stream`."""

    def rolled_up(self, minutes: int) -> None:
        """So many minutes are rolled up."""


class _Lines:
    def __init__(self) -> None:
        self._next = _RECORDS_A_LINE

    def taken(self, read: int, stored: int, stream: BinaryIO) -> None:
        if read >= self._next:
            self._next = read + _RECORDS_A_LINE
            typer.echo(f"{read:,} records read, {stored:,} stored", err=True)

    def rolled_up(self, minutes: int) -> None:
        """The sums of a long file take a while, but their number tells a log nothing."""


class _Bar:
    """The bar of a packed file has no end: nobody knows how long it is when it is unpacked."""

    def __init__(self, shown: bars.Progress, file: str) -> None:
        is_plain = file != "-" and not file.endswith((".gz", ".zst", ".zstd"))
        self._shown = shown
        self._is_plain = is_plain
        self._task = shown.add_task("importing", total=Path(file).stat().st_size if is_plain else None, said="")

    def taken(self, read: int, stored: int, stream: BinaryIO) -> None:
        said = f"{read:,} read, {stored:,} stored"
        self._shown.update(self._task, completed=stream.tell() if self._is_plain else 0, said=said)

    def rolled_up(self, minutes: int) -> None:
        self._shown.update(self._task, description="rolling up", said=f"{minutes:,} minutes")


@contextmanager
def progress(file: str) -> Iterator[Progress]:
    """Shows on standard error how far the import of `file` is."""
    if not sys.stderr.isatty() or (file != "-" and not Path(file).is_file()):
        yield _Lines()
        return
    columns = (bars.TextColumn("{task.description}"), bars.BarColumn(), bars.TextColumn("{task.fields[said]}"))
    with bars.Progress(*columns, console=Console(stderr=True), transient=True) as shown:
        yield _Bar(shown, file)
