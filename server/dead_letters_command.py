"""`tokentide deadletters`: list, show, replay and mend, from the store or from the running process that owns it."""

from __future__ import annotations

import base64
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

import msgspec
from rich.console import Console
from rich.progress import Progress

from collector.rollup import RollUp
from server.config import Config, ConfigError
from server.dead_letters import DeadLetterDesk, UnknownLetter
from server.exact_json import exact
from server.output import FORMATS, check_format, plain, print_json, print_table
from server.owner import owner, store_as_it_is
from server.programs import make_decoder, prepare_store, utc_now
from server.remote import Remote

_MOST_DUMPED = 4096


class Desk(Protocol):
    """What answers: a store, or a running tokentide; see `DeadLetterDesk`."""

    def listed(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        """Counts and the newest."""

    def shown(self, name: str) -> dict[str, Any]:
        """One letter."""

    def replayed(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        """One batch, tried again."""

    def mended(self, name: str, body: str) -> dict[str, Any]:
        """One letter, stored with another body."""


class RemoteDesk:
    """A running tokentide. Every method raises ConfigError with what it says."""

    def __init__(self, remote: Remote) -> None:
        self._remote = remote

    def listed(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        """See `DeadLetterDesk.listed`."""
        given = {name: value for name, value in asked.items() if value is not None}
        words = {name: ",".join(value) if isinstance(value, list) else value for name, value in given.items()}
        found: dict[str, Any] = self._remote.get("/api/deadletters", words)
        return found

    def shown(self, name: str) -> dict[str, Any]:
        """See `DeadLetterDesk.shown`."""
        found: dict[str, Any] = self._remote.get(f"/api/deadletters/{name}")
        return found

    def replayed(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        """See `DeadLetterDesk.replayed`."""
        found: dict[str, Any] = self._remote.post("/api/admin/deadletters/replay", dict(asked))
        return found

    def mended(self, name: str, body: str) -> dict[str, Any]:
        """See `DeadLetterDesk.mended`."""
        found: dict[str, Any] = self._remote.post(f"/api/admin/deadletters/{name}/mend", {"body": body})
        return found


@contextmanager
def open_desk(config: Config, server: str | None, writes: bool) -> Iterator[Desk]:
    """The tokentide at `server`, else the store, else the tokentide that owns the store.

    With `writes` the tables are brought up to this release first, and totals are current at the end, those of what a
    killed collector left too: with newer roll-ups than its own there it could not find that any more.
    Raises ConfigError for a wrong question, StoreError.
    """
    with owner(config, server, prepare_store if writes else store_as_it_is) as found:
        if isinstance(found, Remote):
            yield RemoteDesk(found)
            return
        roll_up = RollUp(found)
        try:
            yield DeadLetterDesk(found, make_decoder(config, found), roll_up, utc_now)
            if writes:
                roll_up.recover()
            while roll_up.rebuild():
                pass
        except (ValueError, UnknownLetter) as error:
            raise ConfigError(str(error)) from error


def print_list(desk: Desk, asked: Mapping[str, Any], format: str) -> None:
    """Print how many there are of what, and the newest."""
    check_format(format)
    found = desk.listed(asked)
    if format == "json":
        print_json(found)
    elif not found["total"]:
        sys.stdout.write("no dead letters\n")
    else:
        sys.stdout.write(f"{found['total']:,} dead letters\n\n")
        _print_rows(found["counts"], ("letters", "reason", "app", "producer_id", "first_at", "last_at"))
        sys.stdout.write("\nthe newest\n")
        columns = ("id", "received_at", "reason", "app", "source", "log_place", "log_offset", "detail")
        _print_rows(found["newest"], columns)


def print_letter(desk: Desk, name: str, format: str) -> None:
    """Print everything about one letter: `table` for people, `json`, or `raw` for its bytes as they arrived."""
    check_format(format, (*FORMATS, "raw"))
    found = desk.shown(name)
    body = base64.b64decode(found["body"])
    if format == "json":
        print_json(found)
    elif format == "raw":
        sys.stdout.buffer.write(body)
    else:
        print_table((), [item for item in found.items() if item[0] != "body"])
        sys.stdout.write(f"\n{_readable(body)}\n")


def replay(desk: Desk, asked: Mapping[str, Any], format: str) -> None:
    """Replay everything that was asked for, batch by batch, and print what became of it."""
    check_format(format)
    stored, refused = 0, Counter[str]()
    with Progress(console=Console(stderr=True), disable=not sys.stderr.isatty()) as progress:
        selected = {name: value for name, value in asked.items() if name != "dry_run"}
        bar = progress.add_task("replaying", total=desk.listed({**selected, "limit": 1})["total"])
        question: dict[str, Any] = dict(asked)
        while (answer := desk.replayed(question))["behind"]:
            stored += answer["stored"]
            refused.update(answer["refused"])
            progress.update(bar, completed=stored + refused.total())
            question = {**asked, "before": _text(answer["before"]), "behind": [_text(one) for one in answer["behind"]]}
    if format == "json":
        print_json({"stored": stored, "refused": dict(refused)})
        return
    dry_run = asked.get("dry_run")
    reasons = ", ".join(f"{count:,} {reason}" for reason, count in refused.most_common()) or "0"
    sys.stdout.write(f"{'can be stored' if dry_run else 'stored'}: {stored:,}\n")
    sys.stdout.write(f"{'would stay' if dry_run else 'still dead'}: {reasons}\n")


def mend(desk: Desk, name: str, file: Path) -> None:
    """Store what `file` holds in the place of a letter's bytes. Raises ConfigError when that is refused too."""
    try:
        body = file.read_bytes()
    except OSError as error:
        raise ConfigError(f"{file} cannot be read: {error.strerror}") from error
    answer = desk.mended(name, base64.b64encode(body).decode())
    if not answer["stored"]:
        why = f"{answer['reason']}: {plain(answer['detail'])}"
        raise ConfigError(f"{file} cannot become a row either ({why}): the letter stays as it was")
    sys.stdout.write("stored\n")


def _print_rows(rows: list[dict[str, Any]], columns: tuple[str, ...]) -> None:
    print_table(columns, ([row[column] for column in columns] for row in rows), right=("letters", "log_offset"))


def _text(value: Any) -> str:
    return value if isinstance(value, str) else exact(value)


def _readable(body: bytes) -> str:
    """JSON indented, anything else as hexadecimal numbers and text."""
    if not body:
        return "its bytes are not kept any more"
    try:
        lines = msgspec.json.format(body.decode(), indent=2).splitlines()
        return "\n".join(map(plain, lines))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return _dump(body)


def _dump(body: bytes) -> str:
    lines = []
    for start in range(0, min(len(body), _MOST_DUMPED), 16):
        part = body[start : start + 16]
        text = "".join(chr(byte) if 32 <= byte < 127 else "." for byte in part)
        lines.append(f"{start:08x}  {part.hex(' '):<47}  {text}")
    if len(body) > _MOST_DUMPED:
        lines.append(f"and {len(body) - _MOST_DUMPED:,} bytes more: --format raw prints them all")
    return "\n".join(lines)
