"""Servers that speak OpenAI's language: who they are, where they run, what they limit, and what they say it cost."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from tokentide.hooks import limits, regions
from tokentide.hooks.document import count, dig, dollars
from tokentide.hooks.provider import Headers

AZURE: Final = {
    "openai.azure.com": "azure",
    "openai.azure.us": "azure",
    "services.ai.azure.com": "azure",
    "models.ai.azure.com": "azure",
    "models.inference.ai.azure.com": "azure",
    "cognitiveservices.azure.com": "azure",
    "api.cognitive.microsoft.com": "azure",
    "azure-api.net": "azure",
}
SERVERS: Final = {
    "api.openai.com": "openai",
    **AZURE,
    "dashscope.aliyuncs.com": "alibaba",
    "dashscope-intl.aliyuncs.com": "alibaba",
    "api.anthropic.com": "anthropic",
    "api.cerebras.ai": "cerebras",
    "cohere.com": "cohere",
    "cohere.ai": "cohere",
    "api.deepseek.com": "deepseek",
    "api.fireworks.ai": "fireworks",
    "generativelanguage.googleapis.com": "gemini",
    "aiplatform.googleapis.com": "gcp.vertex_ai",
    "rep.googleapis.com": "gcp.vertex_ai",
    "api.groq.com": "groq",
    "router.huggingface.co": "huggingface",
    "api.mistral.ai": "mistral",
    "api.moonshot.ai": "moonshot",
    "integrate.api.nvidia.com": "nvidia",
    "openrouter.ai": "openrouter",
    "api.perplexity.ai": "perplexity",
    "api.together.ai": "together",
    "api.together.xyz": "together",
    "api.x.ai": "xai",
    "api.z.ai": "zai",
}
HOSTS: Final = {
    **SERVERS,
    "bedrock-runtime*.amazonaws.com": "aws.bedrock",
    "bedrock-runtime*.api.aws": "aws.bedrock",
    "bedrock-mantle*.api.aws": "aws.bedrock",
}
_REGIONAL: Final = (".api.openai.com", ".api.x.ai", ".api.cognitive.microsoft.com")
_TICKS_PER_DOLLAR: Final = Decimal(10**10)
# How a limit's name ends, by server: OpenAI and most, Mistral, Cerebras, Fireworks, Together.
_REQUESTS: Final = ("-requests", "-req-minute", "-requests-minute", "-requests-day", "")
_TOKENS: Final = ("-tokens", "-tokens-minute", "-tokens-prompt", "-tokens-day")


def region(host: str, headers: Headers) -> str:
    """The region that is in the host's name, or as Azure's header says it: `East US 2` is `eastus2`."""
    for end in _REGIONAL:
        if host.endswith(end):
            return host.removesuffix(end)
    if found := regions.of_bedrock(host) or regions.of_vertex(host):
        return found
    return headers.get("x-ms-region", "").replace(" ", "").lower()


def cost_in(usage: Any) -> Decimal | None:
    """What the usage itself says the call cost, in US dollars.

    OpenRouter: `cost`, and where the app's own key was used, what that key was charged. Perplexity: the total of
    `cost`. xAI: `cost_in_usd_ticks`, ten billion to the dollar.
    """
    ticks = count(dig(usage, "cost_in_usd_ticks"))
    if ticks is not None:
        return dollars(str(ticks / _TICKS_PER_DOLLAR))
    said = dig(usage, "cost")
    cost = dollars(dig(said, "total_cost") if isinstance(said, dict) else said)
    own = dollars(dig(usage, "cost_details", "upstream_inference_cost")) if dig(usage, "is_byok") is True else None
    return cost if cost is None or own is None else cost + own


def cost_beside(headers: Headers) -> Decimal | None:
    """What LiteLLM's proxy says the call cost. When it sends the headers of a stream it cannot know it."""
    is_stream = headers.get("content-type", "").startswith("text/event-stream")
    return None if is_stream else dollars(headers.get("x-litellm-response-cost"))


def rate_limits(headers: Headers, now: datetime) -> Mapping[str, int | float]:
    """The limits of requests and of tokens, each of one window: the first one that is named."""
    named = {name: written for name, written in headers.items() if name.startswith("x-ratelimit-")}
    found: dict[str, int | float | None] = {}
    for kind, endings in (("requests", _REQUESTS), ("tokens", _TOKENS)):
        for ending in endings:
            written = [named.get(f"x-ratelimit-{part}{ending}") for part in ("limit", "remaining", "reset")]
            if written != [None, None, None]:
                found |= _window(kind, *written, now=now)
                break
    return limits.known(**found)


def _window(
    kind: str, limit: str | None, remaining: str | None, reset: str | None, *, now: datetime
) -> dict[str, int | float | None]:
    """Azure sends -1 or 0 as a limit that it does not know; what remains of it means nothing then."""
    most = limits.count(limit or "")
    if limit is not None and not most:
        return {}
    return {
        f"limit_{kind}": most,
        f"remaining_{kind}": limits.count(remaining or ""),
        f"reset_{kind}_ms": limits.reset_ms(reset or "", now),
    }
