"""The tokens of a Langfuse observation: it counts the parts beside each other, and names them in several ways."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from tokentide.hooks.document import count, counts, dump, mapping, within

from collector.formats.second_hand import Fields

_READ: Final = frozenset(
    {
        "cache_read_input_tokens",
        "cache_read_tokens",
        "cached_tokens",
        "input_cache_read",
        "input_cache_read_tokens",
        "input_cached",
        "input_cached_tokens",
    }
)
_WRITTEN_HOUR: Final = frozenset({"input_cache_creation_1h", "cache_creation_1h_input_tokens"})
_WRITTEN: Final = frozenset(
    {
        "cache_creation_input_tokens",
        "cache_write_input_tokens",
        "cache_write_tokens",
        "input_cache_creation",
        "input_cache_creation_5m",
        "input_cache_creation_tokens",
        "input_cache_write",
    }
)
_REASONING: Final = frozenset({"output_reasoning", "output_reasoning_tokens", "reasoning", "reasoning_tokens"})
_AUDIO_IN: Final = frozenset({"input_audio", "input_audio_tokens"})
_AUDIO_OUT: Final = frozenset({"output_audio", "output_audio_tokens"})
_INPUT: Final = ("input", "prompt_tokens", "input_tokens", "promptTokens")
_OUTPUT: Final = ("output", "completion_tokens", "output_tokens", "completionTokens")
_TOTAL: Final = ("total", "total_tokens", "totalTokens")
_WHOLES: Final = (*_INPUT, *_OUTPUT, *_TOTAL)
_MOST_CHARS: Final = 4096


def usage_of(observation: Fields) -> Fields:
    """The usage fields, inclusive as in docs/event.md. A total of 0 is no usage."""
    usage = mapping(observation.get("usageDetails")) or _old_usage(observation)
    known = {name: said for name, value in usage.items() if (said := count(value)) is not None}
    if not any(known.values()):
        return {"usage_source": "missing"}
    tokens = within(_tokens(known))
    is_whole = "input_tokens" in tokens and "output_tokens" in tokens
    raw = dump(usage)
    return {
        **tokens,
        "usage_raw": raw if len(raw) <= _MOST_CHARS else "",
        "usage_source": "provider" if is_whole else "missing",
    }


def _old_usage(observation: Fields) -> Fields:
    """The usage of an older Langfuse, unless it counts something else than tokens."""
    usage = observation.get("usage")
    return usage if isinstance(usage, dict) and usage.get("unit") in (None, "TOKENS") else {}


def _tokens(known: Mapping[str, int]) -> dict[str, int]:
    asked, answered, total = (_first(known, names) for names in (_INPUT, _OUTPUT, _TOTAL))
    # Where the total is no more than input and output, these contain the parts already.
    is_inclusive = total is not None and total == (asked or 0) + (answered or 0)
    if is_inclusive:
        # An embedding has no output.
        asked, answered = asked or 0, answered or 0
    else:
        asked = _with_parts(known, asked, "input_", _READ | _WRITTEN | _WRITTEN_HOUR)
        answered = _with_parts(known, answered, "output_", _REASONING)
    return counts(
        input_tokens=asked,
        cache_read_tokens=_sum(known, _READ),
        cache_write_5m_tokens=_sum(known, _WRITTEN),
        cache_write_1h_tokens=_sum(known, _WRITTEN_HOUR),
        output_tokens=answered,
        reasoning_tokens=_sum(known, _REASONING),
        input_audio_tokens=_sum(known, _AUDIO_IN),
        output_audio_tokens=_sum(known, _AUDIO_OUT),
    )


def _first(known: Mapping[str, int], names: tuple[str, ...]) -> int | None:
    return next((known[name] for name in names if name in known), None)


def _sum(known: Mapping[str, int], names: frozenset[str]) -> int | None:
    found = [value for name, value in known.items() if name in names]
    return sum(found) if found else None


def _with_parts(known: Mapping[str, int], alone: int | None, beginning: str, parts: frozenset[str]) -> int | None:
    """One side with its parts: what is known to be one, and whatever has the side in its name."""
    found = [
        value for name, value in known.items() if name not in _WHOLES and (name in parts or name.startswith(beginning))
    ]
    return (alone or 0) + sum(found) if found else alone
