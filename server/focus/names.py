"""The names under which FOCUS files know the providers of calls."""

from __future__ import annotations

from typing import Final, NamedTuple


class Service(NamedTuple):
    """Who provides the service, which is also who sends the invoice, and what it is called."""

    provider: str
    name: str


# A provider that is not here, such as a server of your own, goes by its own name.
SERVICES: Final = {
    "anthropic": Service("Anthropic", "Claude API"),
    "azure": Service("Microsoft", "Azure OpenAI"),
    "bedrock": Service("AWS", "Amazon Bedrock"),
    "cohere": Service("Cohere", "Cohere API"),
    "deepseek": Service("DeepSeek", "DeepSeek API"),
    "google": Service("Google", "Gemini API"),
    "groq": Service("Groq", "GroqCloud"),
    "mistral": Service("Mistral AI", "Mistral API"),
    "openai": Service("OpenAI", "OpenAI API"),
    "openrouter": Service("OpenRouter", "OpenRouter"),
    "vertex": Service("Google Cloud", "Vertex AI"),
    "xai": Service("xAI", "xAI API"),
}


def parameters() -> dict[str, list[str]]:
    """The table as lists of the same length, for a statement."""
    return {
        "providers": list(SERVICES),
        "service_providers": [one.provider for one in SERVICES.values()],
        "services": [one.name for one in SERVICES.values()],
    }
