"""Dead letters once more through the decoder and into the store."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timezone
from typing import Final

from collector.dead_letters import DeadLetters, Letter, Selection
from collector.decode import Decoder
from collector.record import Batch, DeadLetter
from collector.write import insert
from store.connection import Store

MOST_LETTERS: Final = 1_000
_MOST_BYTES: Final = 16 * 2**20
BEGINNING: Final = (datetime(1970, 1, 1, tzinfo=timezone.utc), 0)


@dataclass(frozen=True, slots=True)
class Replayed:
    """What became of one batch: how many became rows, how many stay by reason, and where the next batch begins.

    `behind` is None when no letter is left.
    """

    stored: int = 0
    refused: Mapping[str, int] = field(default_factory=dict)
    behind: tuple[datetime, int] | None = None


class Replay:
    """Replays letters in batches.

    Calls and reports are stored first and the letters are settled then, so a replay that is cut off between the two, or
    run twice, stores the same calls once more: they replace themselves, and no total changes. `touch` is told of the
    minutes that the roll-up has to rebuild, also where the store went away in between.
    """

    def __init__(self, store: Store, decoder: Decoder, touch: Callable[[Iterable[datetime]], None]) -> None:
        self._store = store
        self._touch = touch
        self._letters = DeadLetters(store)
        self._decoder = decoder

    def batch(
        self,
        selection: Selection,
        before: datetime,
        behind: tuple[datetime, int],
        now: datetime,
        limit: int = MOST_LETTERS,
        dry_run: bool = False,
    ) -> Replayed:
        """Try the next letters behind `behind` that were last tried before `before`. Raises StoreError.

        With `dry_run` nothing is written: `stored` counts what the decoder takes now, whatever the store will say.
        """
        found = self._letters.waiting(selection, before, behind, limit, _MOST_BYTES)
        if not found:
            return Replayed()
        letters = [letter for letter in found if not letter.replayed]
        done = self._try(letters, now, dry_run)
        return replace(done, behind=(found[-1].decided_at, found[-1].letter_id))

    def mended(self, letter: Letter, body: bytes, now: datetime) -> DeadLetter | None:
        """Store `body` in the place of the letter's own bytes: what is said against it, None when it is stored.

        A letter whose mended bytes are refused stays as it was. Raises StoreError.
        """
        batch = self._decoder.decode([replace(letter.dead.record, body=body)], now)
        refused = batch.dead_letters or self._insert(batch, [letter])
        if refused:
            return refused[0]
        self._letters.settle([letter.stored(now)])
        return None

    def _try(self, letters: Sequence[Letter], now: datetime, dry_run: bool) -> Replayed:
        records = [letter.dead.record for letter in letters]
        batch = self._decoder.decode(records, now)
        if dry_run:
            return Replayed(len(letters) - len(batch.dead_letters), _reasons(batch.dead_letters))
        refused = [*batch.dead_letters, *self._insert(batch, letters)]
        against = {dead.record: dead for dead in refused}
        self._letters.settle(
            letter.refused(against[record], now) if record in against else letter.stored(now)
            for letter, record in zip(letters, records, strict=True)
        )
        return Replayed(len(letters) - len(refused), _reasons(refused))

    def _insert(self, batch: Batch, letters: Sequence[Letter]) -> list[DeadLetter]:
        try:
            return insert(self._store, batch, _name(batch, letters))
        finally:
            self._touch(batch.minutes)


def _reasons(refused: Sequence[DeadLetter]) -> dict[str, int]:
    return dict(Counter(str(dead.reason) for dead in refused))


def _name(batch: Batch, letters: Sequence[Letter]) -> str:
    """The same for the same records, last tried at the same time, so that the store recognises their blocks."""
    digest = hashlib.blake2b(digest_size=16)
    for record in (line.record for line in (*batch.lines, *batch.reports)):
        digest.update(f"{record.place}/{record.offset}/{len(record.body)}/".encode() + record.body)
    tried = max((letter.decided_at for letter in letters), default=None)
    return f"replay/{digest.hexdigest()}/{tried}"
