"""Synthetic events of about 2 KB with texts, for the benchmarks."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import datetime, timedelta

from tokentide.call import LLMCall
from tokentide.identifiers import uuid7
from tokentide.version import VERSION

_WORDS = [f"w{number:03d}{'aeiou'[number % 5]}" for number in range(997)]
_MODELS = (("openai", "gpt-5"), ("openai", "gpt-5-mini"), ("anthropic", "claude-sonnet-4-5"))


def events(count: int, start: datetime, per_second: float, seed: int = 1, texts: bool = True) -> Iterator[bytes]:
    """`count` events, `per_second` of them a second from `start`, as JSON records of about 2 KB (0.9 KB without texts)."""
    chance = random.Random(seed)
    producer = uuid7()
    for number in range(count):
        yield _event(number, start + timedelta(seconds=number / per_second), chance, producer, texts).to_json()


def _event(number: int, at: datetime, chance: random.Random, producer: str, texts: bool) -> LLMCall:
    provider, model = _MODELS[number % 3]
    limited = chance.random() < 0.03
    input_tokens = chance.randrange(50, 900)
    usage = (
        {}
        if limited
        else {"input_tokens": input_tokens, "output_tokens": chance.randrange(20, 400), "cache_read_tokens": 20}
    )
    return LLMCall(
        call_id=uuid7(int(at.timestamp() * 1000), chance.randbytes(10)),
        operation_id=uuid7(int(at.timestamp() * 1000), chance.randbytes(10)),
        producer_id=producer,
        seq=number + 1,
        sdk_version=VERSION,
        started_at=at,
        duration_ms=chance.lognormvariate(6.5, 0.6),
        operation_ms=chance.lognormvariate(6.6, 0.6),
        time_to_first_token_ms=chance.lognormvariate(5.5, 0.4),
        team=f"team-{number % 12}",
        app=f"app-{number % 24}",
        feature=f"feature-{number % 5}",
        environment="production",
        user_hash=f"{chance.getrandbits(64):016x}",
        session_id=f"session-{chance.randrange(100_000)}",
        trace_id=f"{chance.getrandbits(128):032x}",
        provider=provider,
        host="api.example",
        operation="chat",
        model_requested=model,
        model_responded=model,
        usage_source="missing" if limited else "provider",
        status="rate_limited" if limited else "ok",
        http_status=429 if limited else 200,
        is_final=not limited,
        response_id=f"resp-{chance.getrandbits(64):016x}",
        request_id=f"req-{chance.getrandbits(64):016x}",
        remaining_requests=9_000,
        remaining_tokens=1_900_000,
        content_policy="full" if texts else "off",
        prompt=_text(chance, 90) if texts else "",
        response=_text(chance, 90) if texts else "",
        **usage,
    )


def _text(chance: random.Random, words: int) -> str:
    return " ".join(chance.choices(_WORDS, k=words))
