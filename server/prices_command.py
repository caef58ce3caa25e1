"""`tokentide prices cases`, and what `update` reads and `reprice` prints."""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any, Final, NamedTuple

import httpx

from collector.price_book.release import release_rows
from collector.price_book.resolve import Named, Resolver
from collector.price_book.usage_cost import UsageCost, usage_cost
from collector.refresh import EVERY_S
from server.config import Config, ConfigError
from server.instant import parse_instant
from server.output import print_table

_NAMES: Final = ("month", "team", "model")
_NUMBERS: Final = ("attempts", "priced_before", "priced_after", "cost_before", "cost_after")
_TOLERANCE: Final = Decimal("0.005")
# How a file of cases names its counts: disjoint ones of the input, and parts of the output.
_FRESH: Final = "uncached_input_tokens"
_INPUTS: Final = ("cache_read_tokens", "cache_write_5m_tokens", "cache_write_1h_tokens")
_SAME: Final = {
    "audio_input_tokens": "input_audio_tokens",
    "audio_output_tokens": "output_audio_tokens",
    "image_input_tokens": "input_image_tokens",
    "reasoning_tokens_in_output": "reasoning_tokens",
    "output_tokens": "output_tokens",
}


class Case(NamedTuple):
    """One case, what it should cost (None: must not be priced, or nobody knows) and what it costs here."""

    id: Any
    name: str
    expected: Decimal | None
    got: Decimal | None
    status: str
    verdict: str


def print_cases(config: Config, file: Path, as_json: bool) -> bool:
    """Price a file of cases and print each; whether all are right. Raises ConfigError for a file that is none."""
    try:
        raw = json.loads(file.read_text("utf-8"))
        resolver = Resolver(config.prices.declared())
        cases = [_case(one, resolver) for one in raw]
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ConfigError(f"{file} is no file of cases: {error!r}") from error
    count = Counter(case.verdict for case in cases)
    if as_json:
        total = {name: count[name] for name in ("right", "wrong", "unpriced", "silent_zero")}
        json.dump(total | {"cases": [_told(case) for case in cases]}, sys.stdout)
        sys.stdout.write("\n")
    else:
        _print_table(cases)
        sys.stdout.write("\n" + ", ".join(f"{number} {name}" for name, number in sorted(count.items())) + "\n")
    return not (count["wrong"] or count["unpriced"] or count["silent_zero"])


def _case(raw: Mapping[str, Any], resolver: Resolver) -> Case:
    named = Named(raw["provider"], raw.get("host", ""), raw["model"], "", raw["tier"])
    found, cost = resolver.resolve(named), UsageCost("unpriced")
    if found.model is not None:
        cost = usage_cost(release_rows().get(found.price_key, ()), parse_instant(raw["at"]), _counts(raw["usage"]))
    expected = None if raw["expected_usd"] is None else Decimal(str(raw["expected_usd"]))
    name = f"{raw['provider']} {raw['model']}" + (f" ({raw['tier']})" if found.context else "")
    return Case(raw["id"], name, expected, cost.cost, cost.status, _verdict(expected, cost.cost))


def _verdict(expected: Decimal | None, got: Decimal | None) -> str:
    """`right` within half a per cent; `no_truth` for a price where the case has none to compare with."""
    if expected is None:
        return "right" if got is None else "no_truth"
    if got is None:
        return "unpriced"
    if not got and expected:
        return "silent_zero"
    return "right" if abs(got - expected) <= _TOLERANCE * expected else "wrong"


def _counts(usage: Mapping[str, int]) -> dict[str, int]:
    """The inclusive counts of an event: what is cached, written or heard is part of the input."""
    counts = {name: int(usage.get(name, 0)) for name in _INPUTS}
    counts["input_tokens"] = int(usage.get(_FRESH, 0)) + sum(counts.values())
    return counts | {ours: int(usage.get(theirs, 0)) for theirs, ours in _SAME.items()}


def _print_table(cases: Sequence[Case]) -> None:
    lines = [
        (case.id, case.name, _dollars(case.expected), _dollars(case.got), case.status, case.verdict) for case in cases
    ]
    print_table(("id", "case", "expected", "got", "status", "verdict"), lines, right=("expected", "got"))


def _told(case: Case) -> dict[str, Any]:
    return case._asdict() | {
        name: None if cost is None else float(cost) for name, cost in (("expected", case.expected), ("got", case.got))
    }


def _dollars(cost: Decimal | None) -> str:
    return "none" if cost is None else f"${cost.normalize():f}"


def read_price_file(source: str) -> str:
    """The text of a price file or of what is at an http address. Raises ConfigError."""
    try:
        if source.startswith(("http://", "https://")):
            answer = httpx.get(source, timeout=30, follow_redirects=True)
            return answer.raise_for_status().text
        return Path(source).read_text("utf-8")
    except (OSError, UnicodeDecodeError, httpx.HTTPError) as error:
        raise ConfigError(f"{source} cannot be read: {error}") from error


def new_name_lines(names: Sequence[Mapping[str, str]]) -> list[str]:
    """What is to be known of names that are understood since an update; empty when there are none."""
    if not names:
        return []
    told = ", ".join(f"{one['model']!r} of {one['provider']!r}" for one in names)
    return [
        f"new names: {told}; collectors that run know them within about {EVERY_S:.0f} seconds",
        "calls that arrive before that have no price until tokentide prices reprice gives them one",
    ]


def print_changes(done: Mapping[str, Any], dry_run: bool) -> None:
    """Print what re-pricing changed, or would."""
    if done["changes"]:
        lines = [
            ["unknown" if change[column] is None else change[column] for column in (*_NAMES, *_NUMBERS)]
            for change in done["changes"]
        ]
        print_table((*_NAMES, *_NUMBERS), lines, right=_NUMBERS)
    for one in done["renamed"]:
        names = one["responded"] or one["requested"]
        now = "has a price now" if one["has_price"] else "has no price any more"
        sys.stdout.write(f"{one['calls']} calls: {names!r} of {one['provider']!r} {now}\n")
    if not done["changes"] and not done["renamed"]:
        sys.stdout.write("no cost changes\n")
    elif dry_run:
        if done["closed_months"]:
            sys.stdout.write(f"closed months would get corrections: {', '.join(done['closed_months'])}\n")
        sys.stdout.write("nothing was written\n")
    else:
        sys.stdout.write(f"cost version {done['cost_version']} is in force\n")
        if done["corrections"]:
            sys.stdout.write(f"closed months got {done['corrections']} corrections: tokentide books status\n")
