"""Tokens of streams whose usage never came, estimated from their sizes by what complete calls needed.

A size is bytes on the line. What one token takes of them depends on the app (its tools and schemas travel with every
request) and on the model, so that an app's own complete streams of that model are the best witnesses; after them those
of all apps with models of the family; before anything was seen, four characters a token.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

# Fewer complete calls than this say too little.
ENOUGH_CALLS: Final = 20
# From here on older calls count half, so that a rate follows an app that changes.
_MOST_CALLS: Final = 2_000
_MOST_RATES: Final = 10_000
_CHARACTERS_A_TOKEN: Final = 4.0
# How an answered stream ends that no error of the provider's own ended: what one of those costs, nobody knows.
_NOT_REFUSED: Final = ("ok", "cancelled", "network", "timeout", "unknown")


class Estimate(NamedTuple):
    """Inclusive token counts; what the record says itself is not estimated again."""

    input_tokens: int | None
    output_tokens: int | None


@dataclass(slots=True)
class _Rate:
    """Tokens and bytes of complete calls, in both directions."""

    calls: float = 0.0
    input_tokens: float = 0.0
    request_bytes: float = 0.0
    output_tokens: float = 0.0
    response_bytes: float = 0.0

    def add(self, call: Any) -> None:
        if self.calls >= _MOST_CALLS:
            self.calls /= 2
            self.input_tokens /= 2
            self.request_bytes /= 2
            self.output_tokens /= 2
            self.response_bytes /= 2
        self.calls += 1
        self.input_tokens += call.input_tokens
        self.request_bytes += call.request_bytes
        self.output_tokens += call.output_tokens
        self.response_bytes += call.response_bytes


class UsageEstimator:
    """Learns from the complete streams that pass and estimates the others. Used by one thread at a time."""

    def __init__(self) -> None:
        self._rates: OrderedDict[tuple[str, ...], _Rate] = OrderedDict()

    def learn(self, call: Any) -> None:
        """Takes note of a stream that came with its usage; of any other call nothing."""
        if not (call.stream and call.usage_source == "provider" and call.request_bytes and call.response_bytes):
            return
        if call.input_tokens is None or call.output_tokens is None:
            return
        for key in _keys(call):
            rate = self._rates.setdefault(key, _Rate())
            self._rates.move_to_end(key)
            rate.add(call)
        while len(self._rates) > _MOST_RATES:
            self._rates.popitem(last=False)

    def estimate(self, call: Any) -> Estimate | None:
        """The tokens of an answered stream without usage; None for every other call and for one of unknown size.

        A stream is answered when its status is ok, and when it began: the app left it or its connection broke later.
        """
        if not call.stream or call.usage_source != "missing" or not _is_answered(call):
            return None
        found = (self._rates.get(key) for key in _keys(call))
        rate = next((rate for rate in found if rate and rate.calls >= ENOUGH_CALLS), None)
        asked = _asked(call, rate) if call.input_tokens is None else None
        answered = _answered(call, rate) if call.output_tokens is None else None
        if (call.input_tokens, asked) == (None, None) or (call.output_tokens, answered) == (None, None):
            return None
        return Estimate(asked, answered)


def _is_answered(call: Any) -> bool:
    return call.status == "ok" or (call.stream_outcome != "" and call.status in _NOT_REFUSED)


def _keys(call: Any) -> tuple[tuple[str, ...], ...]:
    model = call.model_responded or call.model_requested
    return (call.team, call.app, call.provider, model), (call.provider, family(model))


def family(model: str) -> str:
    """The family of a model: its name up to the second hyphen, `gpt-5-mini` → `gpt-5`."""
    return "-".join(model.rsplit("/", 1)[-1].split("-")[:2])


def _asked(call: Any, rate: _Rate | None) -> int | None:
    size: int | None = call.request_bytes
    if size is None:
        return None
    if rate is None or not rate.request_bytes:
        return round(size / _CHARACTERS_A_TOKEN)
    return round(size * rate.input_tokens / rate.request_bytes)


def _answered(call: Any, rate: _Rate | None) -> int | None:
    size: int | None = call.response_bytes
    if rate is not None and rate.response_bytes and size is not None:
        return round(size * rate.output_tokens / rate.response_bytes)
    # The bytes of a stream are mostly its frames, so without a witness only its text or its chunks can tell.
    characters: int | None = call.response_chars
    chunks: int | None = call.chunks
    return chunks if characters is None else round(characters / _CHARACTERS_A_TOKEN)
