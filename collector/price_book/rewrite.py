"""How gateways, clouds and client libraries write a model's name, and what is left of it when that is taken away."""

from __future__ import annotations

import re
from typing import Final, NamedTuple

# Names of providers, ours, OpenTelemetry's and those of gateways, that the price book writes differently.
PROVIDERS: Final = {
    "aws.bedrock": "aws",
    "aws_bedrock": "aws",
    "azure.ai.inference": "azure",
    "azure.ai.openai": "azure",
    "azure_ai": "azure",
    "bedrock": "aws",
    "bedrock_converse": "aws",
    "fireworks_ai": "fireworks",
    "gcp.gemini": "google",
    "gcp.gen_ai": "google",
    "gcp.vertex_ai": "google",
    "gemini": "google",
    "mistral_ai": "mistral",
    "mistralai": "mistral",
    "moonshot": "moonshotai",
    "moonshot_ai": "moonshotai",
    "together_ai": "together",
    "vertex": "google",
    "vertex_ai": "google",
    "x_ai": "x-ai",
    "xai": "x-ai",
}

# Gateways: the provider stands before the model's name.
GATEWAYS: Final = frozenset({"", "litellm", "litellm_proxy", "portkey", "unknown"})


class Rule(NamedTuple):
    """What a name looks like, what is left of it (the group `model`), and what the rest says."""

    meaning: str
    pattern: re.Pattern[str]
    provider: str = ""
    context: str = ""
    model: str = r"\g<model>"

    def left(self, name: str) -> str | None:
        """What is left of a name; None for a name of another kind."""
        found = self.pattern.fullmatch(name)
        return None if found is None else found.expand(self.model)


def _rule(meaning: str, pattern: str, provider: str = "", context: str = "", model: str = r"\g<model>") -> Rule:
    return Rule(meaning, re.compile(pattern, re.IGNORECASE), provider, context, model)


RULES: Final = (
    _rule("a name with the window of a million tokens", r"(?P<model>.+)\[1m\]"),
    _rule("a place in Vertex AI", r"projects/[^/]+/locations/[^/]+/(?P<model>publishers/.+)"),
    _rule("a publisher's model in Vertex AI", r"publishers/[^/]+/models/(?P<model>.+)", provider="google"),
    _rule("a resource name of Gemini", r"models/(?P<model>.+)"),
    _rule("a model in an account of Fireworks", r"accounts/[^/]+/models/(?P<model>.+)", provider="fireworks"),
    _rule(
        "an ARN of Bedrock",
        r"arn:aws[a-z-]*:bedrock:[^:]*:[^:]*:(?:foundation-model|inference-profile)/(?P<model>.+)",
        provider="aws",
    ),
    _rule(
        "LiteLLM's way to a model of Bedrock",
        r"bedrock/(?:[a-z]{2}(?:-[a-z]+)+-\d+/)?(?:(?:converse|invoke|converse_like)/)?(?P<model>.+)",
        provider="aws",
    ),
    _rule("LiteLLM's name of a data zone", r"azure/(?:eu|us)/(?P<model>.+)", provider="azure", context="data-zone"),
    _rule("LiteLLM's name of a global deployment", r"azure/global(?:-standard)?/(?P<model>.+)", provider="azure"),
    _rule("Azure's way to write 3.5", r"gpt-35-(?P<model>.+)", model=r"gpt-3.5-\g<model>"),
    _rule("a name with its default version", r"(?P<model>.+)@(?:default|latest)"),
)

BEFORE: Final = re.compile(r"(?P<provider>[a-z0-9_.-]+)/(?P<model>.+)", re.IGNORECASE)
