"""A row of the price book: the rates of one model in one context over a span of time."""

from __future__ import annotations

import csv
import functools
import hashlib
import io
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime, timezone
from decimal import Decimal
from typing import Any, Final, NamedTuple

BEGINNING: Final = datetime(1970, 1, 1, tzinfo=timezone.utc)
END: Final = datetime(2106, 1, 1, tzinfo=timezone.utc)
UNBOUNDED: Final = 2**63 - 1
DAY: Final = 86_400

RATES: Final = (
    "input_rate",
    "cache_read_rate",
    "cache_write_5m_rate",
    "cache_write_1h_rate",
    "output_rate",
    "reasoning_rate",
    "input_audio_rate",
    "cache_read_audio_rate",
    "output_audio_rate",
    "input_image_rate",
    "output_image_rate",
    "request_rate",
)
_INSTANTS: Final = ("valid_from", "valid_to")
_WHOLE: Final = ("price_key", "day_from", "day_to", "input_from", "input_to")
_FORMAT: Final = "%Y-%m-%d %H:%M:%S"


class PriceRow(NamedTuple):
    """One row; see the comment of the table price_statements for the meaning of its bounds and units.

    `confidence` is `listed` (in the price data), `stated` (in an entry of its own) or `derived` (by a proportion);
    `reference` is where it can be read, empty if unknown.
    """

    price_key: int
    provider: str
    model: str
    context: str
    valid_from: datetime
    valid_to: datetime
    day_from: int
    day_to: int
    input_from: int
    input_to: int
    input_rate: Decimal | None
    cache_read_rate: Decimal | None
    cache_write_5m_rate: Decimal | None
    cache_write_1h_rate: Decimal | None
    output_rate: Decimal | None
    reasoning_rate: Decimal | None
    input_audio_rate: Decimal | None
    cache_read_audio_rate: Decimal | None
    output_audio_rate: Decimal | None
    input_image_rate: Decimal | None
    output_image_rate: Decimal | None
    request_rate: Decimal | None
    source: str
    reference: str
    confidence: str

    @property
    def rates(self) -> dict[str, Decimal | None]:
        """The rates by name, in US dollars per million tokens or requests."""
        return {name: getattr(self, name) for name in RATES}

    def holds(self, at: datetime, input_tokens: int) -> bool:
        """Whether it is the row for a call of that size that started at `at`."""
        second = at.hour * 3600 + at.minute * 60 + at.second
        return (
            self.valid_from <= at < self.valid_to
            and self.day_from <= second < self.day_to
            and self.input_from <= input_tokens < self.input_to
        )


COLUMNS: Final = list(PriceRow._fields)


def price_key(provider: str, model: str, context: str) -> int:
    """The key of `model` of `provider` in `context`, as in llm_prices; never 0."""
    digest = hashlib.blake2b(f"{provider}\n{model}\n{context}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") or 1


def to_csv(rows: Iterable[PriceRow]) -> str:
    """The rows as the text of a CSV file with a header."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for row in rows:
        writer.writerow([_cell(getattr(row, column)) for column in COLUMNS])
    return text.getvalue()


def from_csv(text: str) -> Iterator[PriceRow]:
    """The rows of what `to_csv` wrote."""
    lines = csv.reader(io.StringIO(text))
    if next(lines) != COLUMNS:
        raise ValueError("the price rows have other columns than this release writes: run make generated")
    readers = [_reader(name) for name in COLUMNS]
    for line in lines:
        yield PriceRow(*(read(cell) for read, cell in zip(readers, line, strict=True)))


def _reader(column: str) -> Callable[[str], Any]:
    if column in RATES:
        return _rate
    if column in _INSTANTS:
        return _instant
    return int if column in _WHOLE else str


# Most cells say what another one has said before.
@functools.cache
def _rate(cell: str) -> Decimal | None:
    return Decimal(cell) if cell else None


@functools.cache
def _instant(cell: str) -> datetime:
    return datetime.fromisoformat(cell).replace(tzinfo=timezone.utc)


def _cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, datetime):
        return value.strftime(_FORMAT)
    return format(value, "f") if isinstance(value, Decimal) else str(value)
