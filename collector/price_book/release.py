"""The price book of this release: the corrected seed, read once."""

from __future__ import annotations

import functools
from collections import defaultdict
from collections.abc import Mapping, Sequence
from importlib import resources

from collector.price_book.row import PriceRow, from_csv


def release_text() -> str:
    """The text of prices.csv."""
    return resources.files("collector.price_book").joinpath("prices.csv").read_text("utf-8")


@functools.cache
def release_rows() -> Mapping[int, Sequence[PriceRow]]:
    """Its rows by price key."""
    found: dict[int, list[PriceRow]] = defaultdict(list)
    for row in from_csv(release_text()):
        found[row.price_key].append(row)
    return dict(found)
