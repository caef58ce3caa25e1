"""What another collection of prices says of one name, and the file in which such opinions are kept."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from importlib import resources
from typing import Final

# The meters that every collection has; a price file's other meters have too few opinions to compare.
METERS: Final = ("input_rate", "cache_read_rate", "cache_write_5m_rate", "cache_write_1h_rate", "output_rate")


@dataclass(frozen=True, slots=True)
class Opinion:
    """The rates of one name at one provider, in US dollars per million tokens.

    A meter that the collection does not have, or has at zero, is missing.
    """

    provider: str
    name: str
    rates: Mapping[str, Decimal]


@dataclass(frozen=True, slots=True)
class Collection:
    """What one release of a collection says: its name and version, the SHA-256 of its file, and the day it is read."""

    source: str
    version: str
    sha256: str
    read_on: date
    opinions: Sequence[Opinion]


def load_collections() -> list[Collection]:
    """The collections as they were last read."""
    text = resources.files(__package__).joinpath("opinions.json").read_text("utf-8")
    return [
        Collection(
            raw["source"],
            raw["version"],
            raw["sha256"],
            date.fromisoformat(raw["read_on"]),
            [_opinion(*line) for line in raw["opinions"]],
        )
        for raw in json.loads(text)
    ]


def written(collections: Iterable[Collection]) -> str:
    """The text of the file that `load_collections` reads, one opinion a line."""
    texts = []
    for one in collections:
        head = {
            "source": one.source,
            "version": one.version,
            "sha256": one.sha256,
            "read_on": one.read_on.isoformat(),
            "opinions": [],
        }
        lines = sorted(json.dumps(_line(opinion)) for opinion in one.opinions)
        texts.append(json.dumps(head).removesuffix("]}") + "\n" + ",\n".join(lines) + "\n]}")
    return "[\n" + ",\n".join(texts) + "\n]\n"


def _line(opinion: Opinion) -> list[str | None]:
    rates = (opinion.rates.get(meter) for meter in METERS)
    return [opinion.provider, opinion.name, *(None if rate is None else format(rate, "f") for rate in rates)]


def _opinion(provider: str, name: str, *rates: str | None) -> Opinion:
    known = {meter: Decimal(rate) for meter, rate in zip(METERS, rates, strict=True) if rate is not None}
    return Opinion(provider, name, known)
