"""The hooks: one engine that patches, and one file of pure readers for each provider.

A provider is added with one file, its test and one line here.
"""

from __future__ import annotations

from importlib import import_module
from typing import Final

from tokentide.hooks.provider import Provider

PROVIDERS: Final = {
    "anthropic": "tokentide.hooks.anthropic:PROVIDER",
    "bedrock": "tokentide.hooks.bedrock:PROVIDER",
    "cohere": "tokentide.hooks.cohere:PROVIDER",
    "google": "tokentide.hooks.google:PROVIDER",
    "mistral": "tokentide.hooks.mistral:PROVIDER",
    "ollama": "tokentide.hooks.ollama:PROVIDER",
    "openai": "tokentide.hooks.openai:PROVIDER",
}


def load_providers() -> tuple[Provider, ...]:
    """Every provider in the table."""
    found = []
    for place in PROVIDERS.values():
        module, _, name = place.partition(":")
        provider: Provider = getattr(import_module(module), name)
        found.append(provider)
    return tuple(found)
