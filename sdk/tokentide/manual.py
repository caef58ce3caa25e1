"""Calls that no hook sees, as the app says them: over a websocket, out of a batch, of its own client, from its cache.

Nothing in here raises into the app. What is said wrongly is left out, logged once and counted as an error of a hook;
where the transport is "memory", as it is in tests, it raises.
"""

from __future__ import annotations

import functools
import logging
import math
import operator
import sys
import time
from collections.abc import Callable
from datetime import datetime, timezone
from typing import Any, Concatenate, Final, ParamSpec

import tokentide
from tokentide.call import MOST_TOKENS, STATUSES
from tokentide.context import Tags, current_tags
from tokentide.hooks._outcome import status_of, stream_outcome
from tokentide.hooks.provider import Failure
from tokentide.signals import came_from_a_signal

TOKENS: Final = (
    "input_tokens",
    "cache_read_tokens",
    "cache_write_5m_tokens",
    "cache_write_1h_tokens",
    "output_tokens",
    "reasoning_tokens",
    "input_audio_tokens",
    "cache_read_audio_tokens",
    "output_audio_tokens",
    "input_image_tokens",
    "output_image_tokens",
)
_OBJECTS_BYTES: Final = 2048
_MOST_CHARS: Final = 256

_logger = logging.getLogger("tokentide")
_said: set[str] = set()

Parameters = ParamSpec("Parameters")


def _harmless(
    method: Callable[Concatenate[RecordedCall, Parameters], None],
) -> Callable[Concatenate[RecordedCall, Parameters], None]:
    """`method` as the app may call it: it does nothing where nothing is recorded, and raises in tests only."""

    @functools.wraps(method)
    def run(self: RecordedCall, /, *args: Parameters.args, **kwargs: Parameters.kwargs) -> None:
        if self._running is None:
            return
        try:
            if self._over:
                raise RuntimeError("the block of this call is over, so nothing can be said of it any more")
            method(self, *args, **kwargs)
        except Exception as error:
            settings, _, emitter = self._running
            if settings.transport == "memory" or came_from_a_signal(error):
                raise
            emitter.count_hook_error(told=True)
            if method.__name__ not in _said:
                _said.add(method.__name__)
                _logger.warning("a call recorded by hand lacks what was said wrongly of it: %s (said once)", error)

    return run


class RecordedCall:
    """What `record` returns: a block of code that is one call, and one event when it is left."""

    __slots__ = ("_over", "_running", "_started", "fields", "prompt", "response_text", "span", "tags")

    def __init__(self) -> None:
        self.fields: dict[str, Any] = {}
        self.prompt = self.response_text = ""
        self.tags: Tags = current_tags()
        self.span: Any = None
        self._running = tokentide._running
        self._started = time.perf_counter_ns()
        self._over = False

    def __enter__(self) -> RecordedCall:
        self._begin()
        return self

    def __exit__(self, kind: type[BaseException] | None, *error: object) -> None:
        self._end(kind)

    async def __aenter__(self) -> RecordedCall:
        return self.__enter__()

    async def __aexit__(self, kind: type[BaseException] | None, *error: object) -> None:
        self._end(kind)

    def held_bytes(self) -> int:
        """About how many bytes of memory it keeps."""
        return _OBJECTS_BYTES + sys.getsizeof(self.prompt) + sys.getsizeof(self.response_text)

    @_harmless
    def usage(self, /, *, estimated: bool = False, **tokens: int | None) -> None:
        """Token counts under the event's names, inclusive; None is not known. Said again, a count is replaced.

        `estimated`: the app counted them itself. The cost is known when `input_tokens` and `output_tokens` are.
        """
        counts = {name: _count(name, count) for name, count in tokens.items() if count is not None}
        self.fields |= counts
        if "input_tokens" in self.fields and "output_tokens" in self.fields:
            self.fields["usage_source"] = "estimated" if estimated else "provider"

    @_harmless
    def response(
        self, *, id: str = "", model: str = "", text: str = "", finish_reason: str = "", service_tier: str = ""
    ) -> None:
        """What the answer says of itself. Of its text the capture policy decides how much is kept."""
        self._say(response_id=id, model_responded=model, finish_reason=finish_reason, service_tier=service_tier)
        self.response_text = _text("text", text) or self.response_text

    @_harmless
    def first_token(self) -> None:
        """The first content arrives now: the call is a stream. Only the first time counts."""
        waited = time.perf_counter_ns() - self._started
        self.fields.setdefault("time_to_first_token_ms", round(waited / 1e6, 3))
        self.fields["stream"] = True

    @_harmless
    def error(self, code: str | BaseException = "", *, http_status: int | None = None, status: str = "") -> None:
        """The call failed: with the provider's code or an exception that the app deals with.

        `status` is one of the event's statuses; without it, it is read from `http_status` or from the exception.
        """
        if status and status not in STATUSES:
            raise ValueError(f"status must be one of {', '.join(STATUSES)}, not {status!r}")
        number = 0 if http_status is None else operator.index(http_status)
        if http_status is not None and not 100 <= number <= 599:
            raise ValueError(f"http_status must be from 100 to 599, not {number}")
        kind = type(code) if isinstance(code, BaseException) else None
        name = _text("code", code) if kind is None else kind.__name__
        read = status_of(number, kind, Failure(name or "unknown")) if number or kind else "unknown"
        self.fields |= {"status": status or read, "http_status": number or None}
        self._say(error_code=name)

    @_harmless
    def _describe(self, /, prompt: str, started_at: datetime | None, duration_ms: float | None, **said: str) -> None:
        self._say(**said)
        self.prompt = _text("prompt", prompt)
        if duration_ms is not None and not (0 <= duration_ms < math.inf):
            raise ValueError(f"duration_ms must be 0 or more, not {duration_ms!r}")
        if duration_ms is not None or started_at is not None:
            self.fields["duration_ms"] = float(duration_ms or 0)
        if started_at is not None:
            if started_at.utcoffset() is None:
                raise ValueError("started_at needs a time zone, for example datetime.now(timezone.utc)")
            self.fields["started_at"] = started_at

    @_harmless
    def _begin(self) -> None:
        from tokentide.hooks._engine import current_span

        self.tags, self.span = current_tags(), current_span()
        self.fields.setdefault("started_at", datetime.now(timezone.utc))
        self._started = time.perf_counter_ns()

    @_harmless
    def _end(self, kind: type[BaseException] | None) -> None:
        fields, left_early = self.fields, kind is GeneratorExit
        fields.setdefault("duration_ms", round((time.perf_counter_ns() - self._started) / 1e6, 3))
        fields["operation_ms"] = fields["duration_ms"] or None
        if kind is not None and not left_early and "status" not in fields:
            fields |= {"status": status_of(0, kind, Failure()), "error_code": kind.__name__}
        fields.setdefault("status", "ok")
        if fields.get("stream"):
            fields["stream_outcome"] = stream_outcome(kind is None and fields["status"] == "ok", kind)
        self._over = True
        if self._running is not None:
            self._running[2].emit(self)

    def _say(self, **said: str) -> None:
        self.fields |= {name: _text(name, text)[:_MOST_CHARS] for name, text in said.items() if text}


def record(
    *,
    provider: str,
    model: str,
    operation: str = "chat",
    service_tier: str = "",
    host: str = "",
    prompt: str = "",
    started_at: datetime | None = None,
    duration_ms: float | None = None,
) -> RecordedCall:
    """One call that no hook sees: `with tokentide.record(provider=…, model=…) as call:`, or `async with`.

    The block is the call's duration, and the context around it says whose it is. `prompt` is the user's last turn.
    For a call of the past `started_at`, with a time zone, is when it began; then its duration is unknown unless
    `duration_ms` is given. An exception that leaves the block is the call's failure and goes on unchanged. Where
    nothing is recorded, this does nothing.
    """
    call = RecordedCall()
    call._describe(
        prompt,
        started_at,
        duration_ms,
        provider=provider,
        model_requested=model,
        operation=operation,
        service_tier=service_tier,
        host=host,
    )
    return call


def cache_hit(
    *,
    provider: str,
    model: str,
    operation: str = "chat",
    service_tier: str = "",
    host: str = "",
    **tokens: int | None,
) -> None:
    """The app's own cache answered, so that nothing was sent: it costs nothing, and the store knows what it saved.

    `tokens` are those that `usage` takes, of the answer when it was made.
    """
    call = record(
        provider=provider, model=model, operation=operation, service_tier=service_tier, host=host, duration_ms=0.0
    )
    counts: dict[str, Any] = tokens
    with call:
        call.fields["cache_hit"] = True
        call.usage(**counts)


def _count(name: str, count: int) -> int:
    if name not in TOKENS:
        raise ValueError(f"{name!r} is no count of tokens: they are {', '.join(TOKENS)}")
    number = -1 if isinstance(count, (bool, float, str)) else operator.index(count)
    if not 0 <= number <= MOST_TOKENS:
        raise ValueError(f"{name} must be a whole number from 0 to {MOST_TOKENS}, not {count!r}")
    return number


def _text(name: str, text: object) -> str:
    if text is None:
        return ""
    if not isinstance(text, str):
        raise TypeError(f"{name} must be a text, not {type(text).__name__}")
    return text
