"""OpenAI's organization usage: buckets of time whose results count many requests together.

A result is no attempt, but its tokens are what is billed. It becomes as few events as its price allows: where a model
has a higher price for long prompts, the tokens of many requests in one row would be taken for one long prompt, so that
no row has more input tokens than a short prompt can have, unless the requests themselves were longer on average. The
attribute `requests` says how many requests a row stands for; reports that count attempts count such rows.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any, Final

from tokentide.hooks.content import keyed_digest
from tokentide.hooks.document import count, dig, dump, text, whole

from collector.formats.second_hand import Fields, Found, Left, first, instant, named, second_hand, short

_OPERATIONS: Final = {"completions": "unknown", "embeddings": "embeddings", "moderations": "moderations"}
# Below the input of a prompt that any of OpenAI's models calls long (272,000 tokens), with room.
_SHORT_PROMPT: Final = 200_000
_MOST_ROWS: Final = 100_000
_COUNTS: Final = (
    "input_tokens",
    "cache_read_tokens",
    "output_tokens",
    "input_audio_tokens",
    "output_audio_tokens",
)


def records_in(value: Any) -> Iterator[Any]:
    """The results in one value of a file, each with its bucket's times: of a page of the API, or of one bucket."""
    if isinstance(value, dict) and isinstance(value.get("data"), list):
        for bucket in value["data"]:
            yield from records_in(bucket)
    elif isinstance(value, dict) and isinstance(value.get("results"), list):
        for result in value["results"]:
            times = {"start_time": value.get("start_time"), "end_time": value.get("end_time")}
            yield {**result, **times} if isinstance(result, dict) else result
    else:
        yield value


def read_result(result: Any, until: datetime, user_key: str) -> Iterator[Found]:
    """The events of one result, or why there are none. Buckets that end after `until` are left out."""
    kind = text(dig(result, "object")).removeprefix("organization.usage.").removesuffix(".result")
    started_at, ended_at = instant(dig(result, "start_time")), instant(dig(result, "end_time"))
    if not isinstance(result, dict) or not kind or started_at is None or ended_at is None:
        yield Left("it is no result in a bucket with start_time and end_time", is_fault=True)
    elif kind not in _OPERATIONS:
        yield Left(f"{kind[:64]}: only usage that is counted in tokens can be priced", is_fault=False)
    elif ended_at > until:
        yield Left("its bucket ends after --until", is_fault=False)
    elif not whole(result.get("num_model_requests")):
        yield Left("nothing was requested", is_fault=False)
    elif not short(result.get("model")):
        yield Left("it names no model and cannot be priced: ask OpenAI for group_by=model", is_fault=True)
    else:
        yield from _events(result, kind, started_at, user_key)


def _events(result: Fields, kind: str, started_at: datetime, user_key: str) -> Iterator[Found]:
    totals = _totals(result)
    requests = whole(result.get("num_model_requests"))
    rows = max(1, min(requests, -(-(totals["input_tokens"] or 0) // _SHORT_PROMPT), _MOST_ROWS))
    grouping = ("project_id", "user_id", "api_key_id", "model", "batch", "service_tier")
    key = dump([kind, result["start_time"], result["end_time"], *(result.get(name) for name in grouping)])
    shared = _shared(result, kind, user_key)
    for row in range(rows):
        fields = {
            **shared,
            **{name: _share(total, row, rows) for name, total in totals.items()},
            "attributes": {**shared["attributes"], "requests": str(_share(requests, row, rows))},
        }
        yield second_hand("openai-usage", f"{key}\n{row}", started_at, fields)


def _share(total: int | None, row: int, rows: int) -> int | None:
    """The part of `total` that row `row` of `rows` gets; all of them add up to it."""
    return None if total is None else total * (row + 1) // rows - total * row // rows


def _totals(result: Fields) -> dict[str, int | None]:
    """Inclusive counts: OpenAI counts audio beside the tokens of text."""
    audio_in, audio_out = whole(result.get("input_audio_tokens")), whole(result.get("output_audio_tokens"))
    asked = whole(result.get("input_tokens")) + audio_in
    cached = count(result.get("input_cached_tokens"))
    found = (
        asked,
        None if cached is None else min(cached, asked),
        whole(result.get("output_tokens")) + audio_out,
        audio_in or None,
        audio_out or None,
    )
    return dict(zip(_COUNTS, found, strict=True))


def _shared(result: Fields, kind: str, user_key: str) -> dict[str, Any]:
    tier = "batch" if result.get("batch") is True else short(result.get("service_tier"))
    return {
        "provider": "openai",
        "host": "api.openai.com",
        "operation": _OPERATIONS[kind],
        "model_requested": short(result.get("model")),
        "service_tier": tier,
        "app": first(result.get("project_name"), result.get("project_id")),
        "user_hash": keyed_digest(short(result.get("user_id")), user_key),
        "usage_source": "provider",
        "status": "ok",
        "attributes": named(openai_usage=kind, openai_api_key_id=result.get("api_key_id")),
    }
