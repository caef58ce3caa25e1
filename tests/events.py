"""Builders of events for tests."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any

from tokentide.call import LLMCall
from tokentide.identifiers import uuid7
from tokentide.version import VERSION

AT = datetime(2026, 11, 20, 11, 59, 30, 123456, tzinfo=timezone.utc)


def a_call(**changes: Any) -> LLMCall:
    """A successful chat call of gpt-5 with 100 input (64 cached) and 96 output tokens: 0.001013 US dollars."""
    fields: dict[str, Any] = {
        "call_id": uuid7(),
        "operation_id": uuid7(),
        "producer_id": "producer-1",
        "seq": 1,
        "sdk_version": VERSION,
        "started_at": AT,
        "duration_ms": 812.5,
        "team": "search",
        "app": "shop",
        "provider": "openai",
        "operation": "chat",
        "model_requested": "gpt-5",
        "input_tokens": 100,
        "cache_read_tokens": 64,
        "output_tokens": 96,
        "usage_source": "provider",
        "status": "ok",
        "http_status": 200,
    }
    return LLMCall(**{**fields, **changes})


def a_rate_limited_call(**changes: Any) -> LLMCall:
    """A 429 without usage, which costs nothing."""
    without = {"input_tokens": None, "cache_read_tokens": None, "output_tokens": None, "usage_source": "missing"}
    return a_call(**{**without, "status": "rate_limited", "http_status": 429, "is_final": False, **changes})
