"""Reading the collections: `python -m collector.price_book.second_opinion.collect LITELLM MODEL_PRICES`.

LITELLM is the package `litellm` as it is unpacked, MODEL_PRICES the package `model-prices`: the folders in which an
installer has put them. What the comparison needs of both is written to opinions.json.
"""

from __future__ import annotations

import hashlib
import json
import re
import sys
from collections.abc import Iterator, Mapping
from datetime import date, datetime, timezone
from decimal import Decimal
from importlib import resources
from pathlib import Path
from typing import Any, Final

from collector.price_book.second_opinion.opinion import Collection, Opinion, written

# Providers of a collection, and what the price book calls them.
_LITELLM_PROVIDERS: Final = {
    "anthropic": "anthropic",
    "azure": "azure",
    "bedrock": "aws",
    "bedrock_converse": "aws",
    "cerebras": "cerebras",
    "cohere": "cohere",
    "cohere_chat": "cohere",
    "deepseek": "deepseek",
    "fireworks_ai": "fireworks",
    "gemini": "google",
    "groq": "groq",
    "mistral": "mistral",
    "moonshot": "moonshotai",
    "openai": "openai",
    "perplexity": "perplexity",
    "text-completion-openai": "openai",
    "together_ai": "together",
    "vertex_ai-language-models": "google",
    "xai": "x-ai",
}
_LITELLM_METERS: Final = {
    "input_rate": "input_cost_per_token",
    "cache_read_rate": "cache_read_input_token_cost",
    "cache_write_5m_rate": "cache_creation_input_token_cost",
    "cache_write_1h_rate": "cache_creation_input_token_cost_above_1hr",
    "output_rate": "output_cost_per_token",
}
# What is billed by text tokens: elsewhere the same field may be the rate of something else.
_LITELLM_MODES: Final = ("chat", "completion", "embedding", "responses")
_MODEL_PRICES_PROVIDERS: Final = {
    "amazon-bedrock": "aws",
    "anthropic": "anthropic",
    "cohere": "cohere",
    "deepseek": "deepseek",
    "google": "google",
    "mistral": "mistral",
    "moonshotai": "moonshotai",
    "openai": "openai",
    "perplexity": "perplexity",
    "xai": "x-ai",
}
_MODEL_PRICES_METERS: Final = {
    "input_rate": "input",
    "cache_read_rate": "cache_read",
    "cache_write_5m_rate": "cache_write",
    "output_rate": "output",
}
# Where a write for an hour is sold: to all others the collection gives a multiple as well.
_HOUR_WRITES: Final = ("anthropic", "aws")
# Prices of one region, of which the price book has none.
_ONE_REGION: Final = re.compile(r"bedrock/[a-z]{2}-[a-z-]+-\d/.*|us-gov\..*")
_MILLION: Final = Decimal(1_000_000)


def litellm_opinions(text: str) -> Iterator[Opinion]:
    """What model_prices_and_context_window.json says, whose rates are US dollars per token."""
    for name, raw in json.loads(text, parse_float=Decimal).items():
        provider = _LITELLM_PROVIDERS.get(str(raw.get("litellm_provider")))
        if provider is not None and raw.get("mode") in _LITELLM_MODES and not _ONE_REGION.fullmatch(name):
            rates = {meter: _rate(raw.get(theirs), _MILLION) for meter, theirs in _LITELLM_METERS.items()}
            if known := {meter: rate for meter, rate in rates.items() if rate is not None}:
                yield Opinion(provider, name, known)


def model_prices_opinions(text: str, at: datetime) -> Iterator[Opinion]:
    """What snapshot.json says of `at`, whose rates are US dollars per million tokens."""
    for theirs, models in json.loads(text, parse_float=Decimal)["prices"].items():
        provider = _MODEL_PRICES_PROVIDERS.get(theirs)
        for name, modes in models.items():
            if provider is not None and (known := _segment(provider, modes.get("standard", ()), at)):
                yield Opinion(provider, name, known)


def _segment(provider: str, segments: Any, at: datetime) -> Mapping[str, Decimal]:
    begun = [one for one in segments if one["start"] is None or datetime.fromisoformat(one["start"]) <= at]
    raw = (begun[-1]["rates"] if begun else None) or {}
    rates = {meter: _rate(raw.get(theirs), Decimal(1)) for meter, theirs in _MODEL_PRICES_METERS.items()}
    if provider in _HOUR_WRITES and raw.get("cache_write_1h_multiple"):
        rates["cache_write_1h_rate"] = _rate(raw.get("input"), Decimal(raw["cache_write_1h_multiple"]))
    return {meter: rate for meter, rate in rates.items() if rate is not None}


def _rate(theirs: Any, factor: Decimal) -> Decimal | None:
    """A rate of theirs; zero is what they write where they know none."""
    if not isinstance(theirs, (Decimal, int)) or theirs <= 0:
        return None
    return (Decimal(theirs) * factor).quantize(Decimal("0.000001")).normalize() + 0


def main(arguments: list[str]) -> int:
    """Write opinions.json out of the two folders that `arguments` name."""
    if len(arguments) != 2:
        sys.stderr.write("name two folders: the package litellm and the package model_prices\n")
        return 2
    litellm, model_prices = map(Path, arguments)
    now = datetime.now(timezone.utc)
    theirs = (litellm / "model_prices_and_context_window_backup.json").read_text("utf-8")
    snapshot = (model_prices / "snapshot.json").read_text("utf-8")
    collections = [
        _collection("litellm", litellm, theirs, now.date(), litellm_opinions(theirs)),
        _collection("model-prices", model_prices, snapshot, now.date(), model_prices_opinions(snapshot, now)),
    ]
    Path(str(resources.files(__package__))).joinpath("opinions.json").write_text(written(collections), "utf-8")
    return 0


def _collection(source: str, folder: Path, text: str, read_on: date, opinions: Iterator[Opinion]) -> Collection:
    (told,) = folder.parent.glob(f"{folder.name}-*.dist-info")
    version = told.name.removeprefix(f"{folder.name}-").removesuffix(".dist-info")
    return Collection(source, version, hashlib.sha256(text.encode()).hexdigest(), read_on, list(opinions))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
