"""The seed of the price book: the data of `genai-prices` as dated rows, and its rules for names.

`python -m collector.price_book.seed` writes names.json and prices.csv again after the library or the corrections were
changed; `--check` only compares.
"""

from __future__ import annotations

import dataclasses
import json
import sys
from collections.abc import Iterator
from datetime import datetime, time, timedelta, timezone
from decimal import Decimal
from importlib import metadata, resources
from pathlib import Path
from typing import Any, Final

from genai_prices import data_snapshot
from genai_prices.types import ModelInfo, ModelPrice, Provider, TieredPrices

from collector.price_book.corrections import corrected, load_corrections
from collector.price_book.row import BEGINNING, DAY, END, UNBOUNDED, PriceRow, price_key, to_csv

# The price book's words for a service tier: a model's own rates have one of them.
CONTEXTS: Final[dict[str, tuple[dict[str, str], ...]]] = {
    "": ({},),
    "batch": ({"processing": "batch"},),
    "flex": ({"service_tier": "flex"},),
    "priority": ({"service_tier": "priority"},),
    "fast": ({"service_tier": "fast"}, {"speed": "fast"}),
}

_METERS: Final = {
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


def flatten() -> Iterator[PriceRow]:
    """The whole price data of the installed `genai-prices` as rows that do not overlap."""
    source = f"genai-prices {metadata.version('genai-prices')}"
    for provider in data_snapshot.get_snapshot().providers:
        for model in provider.models:
            for context in CONTEXTS:
                for wanted in CONTEXTS[context]:
                    yield from _model_rows(provider, model, context, wanted, source)


def _model_rows(
    provider: Provider, model: ModelInfo, context: str, wanted: dict[str, str], source: str
) -> Iterator[PriceRow]:
    first = _context_start(model, wanted)
    if first is None:
        return
    key = price_key(provider.id, model.id, context)
    dates = sorted({first, *(date for date in _change_dates(model) if date > first)})
    seconds = sorted({0, *_change_seconds(model)})
    for valid_from, valid_to in zip(dates, [*dates[1:], END], strict=True):
        for day_from, day_to in zip(seconds, [*seconds[1:], DAY], strict=True):
            instant = max(valid_from, BEGINNING) + timedelta(seconds=day_from)
            price = model.get_prices(instant, wanted or None)
            tiers = sorted({0, *_tier_starts(price)})
            for input_from, input_to in zip(tiers, [*tiers[1:], UNBOUNDED], strict=True):
                rates = {column: _rate(price, meter, input_from) for column, meter in _METERS.items()}
                if any(rate is not None for rate in rates.values()):
                    yield PriceRow(
                        price_key=key,
                        provider=provider.id,
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
                        reference=(provider.pricing_urls or [""])[0],
                        confidence="listed",
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


def names() -> list[dict[str, Any]]:
    """The providers of the library: their hosts, and how their models are called."""
    return [
        {
            "id": provider.id,
            "hosts": provider.api_pattern,
            "named": _rule(provider.provider_match),
            "fallback": list(provider.fallback_model_providers or ()),
            "models": [[model.id, _rule(model.match)] for model in provider.models],
        }
        for provider in data_snapshot.get_snapshot().providers
    ]


def _rule(clause: Any) -> Any:
    """A rule of the library as plain data, `{kind: what}`."""
    if clause is None:
        return None
    (field,) = dataclasses.fields(clause)
    wanted = getattr(clause, field.name)
    return {field.name.rstrip("_"): [_rule(one) for one in wanted] if isinstance(wanted, list) else wanted}


def rendered() -> dict[str, str]:
    """The text of each generated file, by name."""
    corrections = load_corrections()
    known = corrections.named(names())
    lines = ",\n".join(json.dumps(provider, ensure_ascii=False) for provider in known)
    return {"names.json": f"[\n{lines}\n]\n", "prices.csv": to_csv(corrected(list(flatten()), corrections))}


def main(arguments: list[str]) -> int:
    """Write the files, or with `--check` compare them; 0 when they are current."""
    folder = Path(str(resources.files("collector.price_book")))
    outdated = []
    for name, text in rendered().items():
        path = folder / name
        if arguments != ["--check"]:
            path.write_text(text, "utf-8")
        elif path.read_text("utf-8") != text:
            outdated.append(name)
    for name in outdated:
        sys.stderr.write(f"collector/price_book/{name} is not current: run python -m collector.price_book.seed\n")
    return 1 if outdated else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
