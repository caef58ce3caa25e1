"""The tokens of a span, in our inclusive counts."""

from __future__ import annotations

from typing import Any, Final

from tokentide.hooks.document import within

from collector.formats import otlp_names as names
from collector.formats.otlp_spans import Attributes

# Operations whose answer has no tokens.
_ONE_WAY: Final = ("embeddings", "rerank")


def usage(attributes: Attributes, operation: str) -> dict[str, Any]:
    """The usage fields of an event.

    Every convention says that the whole includes its parts, and some tracers hand on what a provider said that does
    not. Two things give that away: parts that are larger than the whole, and a total that is the sum of all.
    """
    tokens = {field: found for field in names.TOKENS if (found := count(attributes.get(field))) is not None}
    total = count(attributes.get("total_tokens"))
    if not tokens and total is None:
        return {}
    _complete(tokens, total, operation)
    if "input_tokens" not in tokens or "output_tokens" not in tokens:
        return within(tokens)
    return {**within(_inclusive(tokens, total)), "usage_source": "provider"}


def count(value: Any) -> int | None:
    """`value` if it is a believable count, as a whole number."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return value if type(value) is int and 0 <= value < 2**53 else None


def _complete(tokens: dict[str, int], total: int | None, operation: str) -> None:
    """Fill in the one of input and output that follows from the rest."""
    if operation in _ONE_WAY:
        tokens.setdefault("output_tokens", 0)
    missing = [name for name in ("input_tokens", "output_tokens") if name not in tokens]
    if total is not None and len(missing) == 1:
        known = tokens.get("input_tokens", 0) + tokens.get("output_tokens", 0)
        if total >= known:
            tokens[missing[0]] = total - known


def _inclusive(tokens: dict[str, int], total: int | None) -> dict[str, int]:
    asked, answered = tokens["input_tokens"], tokens["output_tokens"]
    cached = tokens.get("cache_read_tokens", 0) + tokens.get("cache_write_5m_tokens", 0)
    thought = tokens.get("reasoning_tokens", 0)
    beyond = None if total is None else total - asked - answered
    lacks_cached = cached > asked or (cached > 0 and beyond in (cached, cached + thought))
    lacks_thought = thought > answered or (thought > 0 and beyond in (thought, cached + thought))
    return {
        **tokens,
        "input_tokens": asked + cached * lacks_cached,
        "output_tokens": answered + thought * lacks_thought,
    }
