"""The tokens of a LiteLLM payload, inclusive as in docs/event.md."""

from __future__ import annotations

from typing import Any

from tokentide.hooks.document import count, counts, dig, dump, mapping, whole, within
from tokentide.hooks.openai import chat_tokens

from collector.formats.second_hand import Fields


def usage_of(payload: Fields) -> Fields:
    """The usage fields. LiteLLM writes 0 where it knows none: that is no usage."""
    places = (
        dig(payload, "metadata", "usage_object"),
        dig(payload, "hidden_params", "usage_object"),
        dig(payload, "response", "usage"),
    )
    usage = next((place for place in places if mapping(place)), None)
    tokens = _tokens(usage) if usage else {}
    if not any(tokens.values()):
        asked, answered = count(payload.get("prompt_tokens")), count(payload.get("completion_tokens"))
        tokens = counts(input_tokens=asked, output_tokens=answered)
    if not any(tokens.values()):
        return {"usage_source": "missing"}
    is_whole = "input_tokens" in tokens and "output_tokens" in tokens
    raw = dump(usage) if usage else ""
    return {
        **within(tokens),
        "usage_raw": raw if len(raw) <= 4096 else "",
        "usage_source": "provider" if is_whole else "missing",
    }


def _tokens(usage: Any) -> dict[str, int]:
    """LiteLLM's form of a usage, which is that of chat completions, or Anthropic's as its pass-through leaves it."""
    if count(usage.get("prompt_tokens")) is None:
        return _of_anthropic(usage)
    tokens = chat_tokens(usage)
    hour = whole(dig(usage, "prompt_tokens_details", "cache_creation_token_details", "ephemeral_1h_input_tokens"))
    written = tokens.get("cache_write_5m_tokens", 0)
    if 0 < hour <= written:
        tokens |= {"cache_write_5m_tokens": written - hour, "cache_write_1h_tokens": hour}
    return tokens


def _of_anthropic(usage: Any) -> dict[str, int]:
    fresh = count(usage.get("input_tokens"))
    if fresh is None:
        return {}
    read, written = whole(usage.get("cache_read_input_tokens")), whole(usage.get("cache_creation_input_tokens"))
    return counts(
        input_tokens=fresh + read + written,
        cache_read_tokens=read,
        cache_write_5m_tokens=written or None,
        output_tokens=count(usage.get("output_tokens")),
    )
