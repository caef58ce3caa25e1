"""Where the collections disagree with the price book, and what was decided about it."""

from __future__ import annotations

import csv
import io
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import datetime, time, timezone
from decimal import Decimal
from typing import Final

from collector.price_book.cells import filled
from collector.price_book.resolve import Named, Resolver
from collector.price_book.row import PriceRow
from collector.price_book.second_opinion.opinion import Collection, Opinion

_TOLERANCE: Final = Decimal("0.01")
STATES: Final = ("open", "ours", "theirs")


@dataclass(frozen=True, slots=True)
class Disagreement:
    """One meter of which a collection says another rate than the price book, in US dollars per million tokens.

    `provider` is whom the collection asks, `model` the one of the price book as which its `names` are priced there. The
    state is `open` until somebody decided, `ours` or `theirs`, with a reason.
    """

    provider: str
    model: str
    meter: str
    ours: str
    theirs: str
    source: str
    names: str
    state: str = "open"
    reason: str = ""

    @property
    def claim(self) -> tuple[str, ...]:
        """What was decided about: a decision holds for these numbers only."""
        return self.provider, self.model, self.meter, self.ours, self.theirs, self.source


COLUMNS: Final = [field.name for field in fields(Disagreement)]


def disagreements(rows: Mapping[int, Sequence[PriceRow]], collections: Iterable[Collection]) -> list[Disagreement]:
    """Every current standard rate of the book from which a collection differs by more than one per cent, in order.

    A meter without a rate of its own has that at which it is charged. Where the book has several rates for the hours of
    a day, it is enough to agree with one of them.
    """
    resolver = Resolver()
    found: dict[tuple[str, str, str, str, str, str], list[str]] = defaultdict(list)
    for collection in collections:
        at = datetime.combine(collection.read_on, time(), timezone.utc)
        for opinion in collection.opinions:
            resolution = resolver.resolve(Named(opinion.provider, requested=opinion.name))
            if resolution.model is not None and not resolution.context:
                held = [row for row in rows.get(resolution.price_key, ()) if _is_current(row, at)]
                for meter, ours, theirs in _differences(held, opinion):
                    place = (opinion.provider, "/".join(resolution.model), meter, ours, theirs, collection.source)
                    found[place].append(opinion.name)
    return [Disagreement(*claim, " ".join(sorted(names))) for claim, names in sorted(found.items())]


def decided(found: Iterable[Disagreement], before: Iterable[Disagreement]) -> list[Disagreement]:
    """The disagreements with what was decided of the same numbers before."""
    known = {one.claim: one for one in before}
    return [
        replace(one, state=known[one.claim].state, reason=known[one.claim].reason) if one.claim in known else one
        for one in found
    ]


def faults(review: Iterable[Disagreement]) -> Iterator[str]:
    """What is wrong with decisions, a sentence for each."""
    for one in review:
        if one.state not in STATES:
            yield f"{one.model}, {one.meter}: there is no state {one.state!r}: write {', '.join(STATES)}"
        elif one.state != "open" and not one.reason:
            yield f"{one.model}, {one.meter}: say why it is {one.state}"


def to_csv(review: Iterable[Disagreement]) -> str:
    """The list as the text of a CSV file with a header."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows([getattr(one, column) for column in COLUMNS] for one in review)
    return text.getvalue()


def from_csv(text: str) -> list[Disagreement]:
    """The list of what `to_csv` wrote."""
    return [Disagreement(**line) for line in csv.DictReader(io.StringIO(text))]


def _is_current(row: PriceRow, at: datetime) -> bool:
    return row.valid_from <= at < row.valid_to and row.input_from == 0


def _differences(held: Sequence[PriceRow], opinion: Opinion) -> Iterator[tuple[str, str, str]]:
    """Meter, our rate and theirs, where they differ."""
    charged = [filled(row.rates) for row in held]
    for meter, theirs in opinion.rates.items():
        ours = [rate for rates in charged if (rate := rates[meter]) is not None]
        if ours and not any(abs(rate - theirs) <= _TOLERANCE * rate for rate in ours):
            yield meter, f"{ours[0]:f}", f"{theirs:f}"
