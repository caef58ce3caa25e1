"""(provider, host, model, service tier) → the price key: a 64-bit name for one model in one context, 0 when unknown."""

from __future__ import annotations

import hashlib

from genai_prices import data_snapshot

# The price book's words for a service tier: a model's own rates have one of them.
CONTEXTS: dict[str, tuple[dict[str, str], ...]] = {
    "": ({},),
    "batch": ({"processing": "batch"},),
    "flex": ({"service_tier": "flex"},),
    "priority": ({"service_tier": "priority"},),
    "fast": ({"service_tier": "fast"}, {"speed": "fast"}),
}

UNKNOWN = 0

# Names of providers, ours and OpenTelemetry's, that the price book writes differently.
_PROVIDERS = {
    "aws.bedrock": "aws",
    "azure.ai.inference": "azure",
    "azure.ai.openai": "azure",
    "bedrock": "aws",
    "gcp.gemini": "google",
    "gcp.gen_ai": "google",
    "gcp.vertex_ai": "google",
    "gemini": "google",
    "mistral_ai": "mistral",
    "moonshot_ai": "moonshotai",
    "vertex": "google",
    "x_ai": "x-ai",
    "xai": "x-ai",
}


def price_key(provider: str, model: str, context: str) -> int:
    """The key of `model` of `provider` in `context`, as in llm_prices; never 0."""
    digest = hashlib.blake2b(f"{provider}\n{model}\n{context}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") or 1


class PriceKeys:
    """Resolves names to price keys and remembers the answers, misses included.

    The model that the response names wins over the requested one. A service tier with rates of its own (batch, flex,
    priority, fast) gets its own key, so that a call is never charged at another tier's rate.
    """

    def __init__(self, capacity: int = 50_000) -> None:
        self._capacity = capacity
        self._known: dict[tuple[str, str, str, str, str], int] = {}

    def resolve(self, provider: str, host: str, requested: str, responded: str, service_tier: str) -> int:
        """The price key of a call, or `UNKNOWN`."""
        name = (provider, host, requested, responded, service_tier)
        key = self._known.get(name)
        if key is None:
            if len(self._known) >= self._capacity:
                self._known.clear()
            key = self._known[name] = _resolve(*name)
        return key


def _resolve(provider: str, host: str, requested: str, responded: str, service_tier: str) -> int:
    context = service_tier if service_tier in CONTEXTS else ""
    for model in (responded, requested):
        if model and (found := _find(model, provider, host)):
            return price_key(*found, context)
    return UNKNOWN


def _find(model: str, provider: str, host: str) -> tuple[str, str] | None:
    snapshot = data_snapshot.get_snapshot()
    named = _PROVIDERS.get(provider, provider)
    for provider_id, address in ((None, f"https://{host}/" if host else None), (named or None, None)):
        if provider_id is None and address is None:
            continue
        try:
            found_provider, found_model = snapshot.find_provider_model(model, None, provider_id, address)
        except LookupError:
            continue
        owner = found_provider
        if not any(found_model is candidate for candidate in owner.models):
            owner = next(p for p in snapshot.providers if any(found_model is candidate for candidate in p.models))
        return owner.id, found_model.id
    return None
