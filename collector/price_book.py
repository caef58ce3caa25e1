"""The seed of the price book: the data of `genai-prices`, flattened to dated rows and committed as prices.csv.

`python -m collector.price_book` writes the file again after the library was updated; `--check` only compares.
"""

from __future__ import annotations

import csv
import io
import sys
from collections.abc import Iterator
from dataclasses import dataclass, fields
from datetime import datetime, time, timedelta, timezone
from decimal import Decimal
from importlib import metadata, resources
from pathlib import Path

from genai_prices import data_snapshot
from genai_prices.types import ModelInfo, ModelPrice, TieredPrices

from collector.price_key import CONTEXTS, price_key

BEGINNING = datetime(1970, 1, 1, tzinfo=timezone.utc)
END = datetime(2106, 1, 1, tzinfo=timezone.utc)
UNBOUNDED = 2**63 - 1
_DAY = 86_400

_METERS = {
    "input_rate": "input_mtok",
    "cache_read_rate": "cache_read_mtok",
    "cache_write_5m_rate": "cache_write_mtok",
    "cache_write_1h_rate": "cache_write_1h_mtok",
    "output_rate": "output_mtok",
    "reasoning_rate": "output_reasoning_mtok",
    "input_audio_rate": "input_audio_mtok",
    "cache_read_audio_rate": "cache_audio_read_mtok",
    "output_audio_rate": "output_audio_mtok",
    "input_image_rate": "input_image_mtok",
    "output_image_rate": "output_image_mtok",
}


@dataclass(frozen=True, slots=True)
class PriceRow:
    """One row of llm_prices; see the comment of that table for the meaning of its bounds and units."""

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


COLUMNS = [field.name for field in fields(PriceRow)]


def flatten() -> Iterator[PriceRow]:
    """The whole price data of the installed `genai-prices` as rows that do not overlap."""
    source = f"genai-prices {metadata.version('genai-prices')}"
    for provider in data_snapshot.get_snapshot().providers:
        for model in provider.models:
            for context in CONTEXTS:
                for wanted in CONTEXTS[context]:
                    yield from _model_rows(provider.id, model, context, wanted, source)


def _model_rows(
    provider: str, model: ModelInfo, context: str, wanted: dict[str, str], source: str
) -> Iterator[PriceRow]:
    first = _context_start(model, wanted)
    if first is None:
        return
    key = price_key(provider, model.id, context)
    dates = sorted({first, *(date for date in _change_dates(model) if date > first)})
    seconds = sorted({0, *_change_seconds(model)})
    for valid_from, valid_to in zip(dates, [*dates[1:], END], strict=True):
        for day_from, day_to in zip(seconds, [*seconds[1:], _DAY], strict=True):
            instant = max(valid_from, BEGINNING) + timedelta(seconds=day_from)
            price = model.get_prices(instant, wanted or None)
            tiers = sorted({0, *_tier_starts(price)})
            for input_from, input_to in zip(tiers, [*tiers[1:], UNBOUNDED], strict=True):
                rates = {column: _rate(price, meter, input_from) for column, meter in _METERS.items()}
                if any(rate is not None for rate in rates.values()):
                    yield PriceRow(
                        price_key=key,
                        provider=provider,
                        model=model.id,
                        context=context,
                        valid_from=valid_from,
                        valid_to=valid_to,
                        day_from=day_from,
                        day_to=day_to,
                        input_from=input_from,
                        input_to=input_to,
                        request_rate=_request_rate(price),
                        source=source,
                        **rates,
                    )


def _context_start(model: ModelInfo, wanted: dict[str, str]) -> datetime | None:
    """From when the rates of the context `wanted` are known for `model`; None when it has none of its own."""
    if not wanted:
        return BEGINNING
    starts = [
        _start(variant.constraint) or BEGINNING for variant in model.price_variants or () if variant.when == wanted
    ]
    return min(starts, default=None)


def _constraints(model: ModelInfo) -> list[object]:
    dated = model.prices if isinstance(model.prices, list) else []
    return [item.constraint for item in [*dated, *(model.price_variants or ())] if item.constraint is not None]


def _start(constraint: object) -> datetime | None:
    date = getattr(constraint, "start_date", None)
    return None if date is None else datetime.combine(date, time(), timezone.utc)


def _change_dates(model: ModelInfo) -> list[datetime]:
    return [start for constraint in _constraints(model) if (start := _start(constraint)) is not None]


def _change_seconds(model: ModelInfo) -> list[int]:
    bounds = [getattr(c, name) for c in _constraints(model) for name in ("start_time", "end_time") if hasattr(c, name)]
    return [bound.hour * 3600 + bound.minute * 60 + bound.second for bound in bounds]


def _tier_starts(price: ModelPrice) -> list[int]:
    tiered = (getattr(price, meter) for meter in _METERS.values())
    return [tier.start + 1 for rate in tiered if isinstance(rate, TieredPrices) for tier in rate.tiers]


def _rate(price: ModelPrice, meter: str, input_tokens: int) -> Decimal | None:
    rate: Decimal | TieredPrices | None = getattr(price, meter)
    if isinstance(rate, TieredPrices):
        reached = [tier.price for tier in rate.tiers if input_tokens > tier.start]
        return reached[-1] if reached else rate.base
    return rate


def _request_rate(price: ModelPrice) -> Decimal | None:
    per_thousand: Decimal | TieredPrices | None = price.requests_kcount
    return None if per_thousand is None or isinstance(per_thousand, TieredPrices) else per_thousand * 1000


def render() -> str:
    """The text of prices.csv."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for row in flatten():
        writer.writerow([_cell(getattr(row, column)) for column in COLUMNS])
    return text.getvalue()


def _cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%d %H:%M:%S")
    return format(value, "f") if isinstance(value, Decimal) else str(value)


def main(arguments: list[str]) -> int:
    """Write prices.csv, or with `--check` compare it; 0 when it is current."""
    path = Path(str(resources.files("collector").joinpath("prices.csv")))
    text = render()
    if arguments == ["--check"]:
        if path.read_text("utf-8") == text:
            return 0
        sys.stderr.write("collector/prices.csv is not current: run python -m collector.price_book\n")
        return 1
    path.write_text(text, "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
