"""What an import has done so far, and how it is said at the end."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from server.config import Config
from server.import_options import ImportOptions
from server.import_target import Taken


@dataclass(slots=True)
class Summary:
    """What became of the first records of a file, those of earlier runs included.

    `read` records are done with, and the first `begun` events of the next one. `unreadable` has, by reason, how many
    and the first line. `problem` is why the file ended too early.
    """

    read: int = 0
    begun: int = 0
    taken: Taken = field(default_factory=Taken)
    left: Counter[str] = field(default_factory=Counter)
    unreadable: dict[str, tuple[int, int]] = field(default_factory=dict)
    problem: str = ""
    read_before: int = 0
    stored_before: int = 0

    def leave(self, why: str) -> None:
        """Count what becomes no event."""
        self.left[_writable(why)] += 1

    def fault(self, line: int, why: str) -> None:
        """Count a record that cannot be read."""
        count, first = self.unreadable.get(_writable(why), (0, line))
        self.unreadable[_writable(why)] = (count + 1, first)

    def begin_run(self) -> None:
        """What is counted so far, earlier runs have done."""
        self.read_before, self.stored_before = self.read, self.taken.stored
        self.problem = ""

    @property
    def is_whole(self) -> bool:
        """Whether nothing was refused."""
        return not self.unreadable and not self.taken.refused


def _writable(why: str) -> str:
    """A reason may name a part of the record, which may hold half a character."""
    return why.encode("utf-8", "replace").decode()


def report(summary: Summary, options: ImportOptions, config: Config) -> Iterator[str]:
    """What is said at the end, a sentence a line."""
    refused, days = summary.taken.refused, config.collector.accept_past_days
    yield f"{summary.read:,} records read, {summary.taken.stored:,} {'would be ' if options.dry_run else ''}stored"
    if summary.stored_before or summary.read_before:
        yield f"  of them {summary.read_before:,} read and {summary.stored_before:,} stored before this run"
    for why, count in summary.left.most_common():
        yield f"  {count:,} left out: {why}"
    for reason, count in refused.most_common():
        yield f"  {count:,} {'would be dead letters' if options.dry_run else 'are dead letters'}: {reason}"
    for why, (count, first) in summary.unreadable.items():
        yield f"  {count:,} unreadable, the first one on line {first:,}: {why}"
    if refused["ancient_timestamp"]:
        yield (
            f"Events older than collector.accept_past_days ({days} where this command runs) are refused: raise it for "
            "the program that owns the store, and import again. Nothing is counted twice."
        )
