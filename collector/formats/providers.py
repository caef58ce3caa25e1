"""Whose model it was, by the names that other tools give to providers, or by the model's own name."""

from __future__ import annotations

from typing import Final

# LiteLLM's, LangChain's and OpenTelemetry's names that are not ours; any other name stays as it is.
_NAMES: Final = {
    "ai21_chat": "ai21",
    "amazon_bedrock": "aws.bedrock",
    "anthropic_text": "anthropic",
    "az.ai.openai": "azure",
    "azure.ai.inference": "azure",
    "azure.ai.openai": "azure",
    "azure_ai": "azure",
    "azure_openai": "azure",
    "azure_text": "azure",
    "bedrock": "aws.bedrock",
    "bedrock_converse": "aws.bedrock",
    "codestral": "mistral",
    "cohere_chat": "cohere",
    "dashscope": "alibaba",
    "fireworks_ai": "fireworks",
    "gcp.gemini": "gemini",
    "google": "gemini",
    "google_genai": "gemini",
    "google_vertexai": "gcp.vertex_ai",
    "mistral_ai": "mistral",
    "mistralai": "mistral",
    "nvidia_nim": "nvidia",
    "ollama_chat": "ollama",
    "text-completion-codestral": "mistral",
    "text-completion-openai": "openai",
    "together_ai": "together",
    "vertex_ai": "gcp.vertex_ai",
    "vertex_ai_beta": "gcp.vertex_ai",
}
# How the models of those begin whose names nobody else uses; the first one that fits counts.
_MODELS: Final = (
    ("anthropic.", "aws.bedrock"),
    ("amazon.", "aws.bedrock"),
    ("meta.", "aws.bedrock"),
    ("us.", "aws.bedrock"),
    ("eu.", "aws.bedrock"),
    ("apac.", "aws.bedrock"),
    ("global.", "aws.bedrock"),
    ("arn:aws:bedrock", "aws.bedrock"),
    ("gpt-", "openai"),
    ("chatgpt-", "openai"),
    ("o1", "openai"),
    ("o3", "openai"),
    ("o4", "openai"),
    ("text-embedding-3", "openai"),
    ("text-embedding-ada", "openai"),
    ("claude", "anthropic"),
    ("gemini", "gemini"),
    ("mistral", "mistral"),
    ("ministral", "mistral"),
    ("magistral", "mistral"),
    ("codestral", "mistral"),
    ("pixtral", "mistral"),
    ("command", "cohere"),
    ("embed-", "cohere"),
    ("grok", "xai"),
    ("deepseek-", "deepseek"),
    ("sonar", "perplexity"),
)


def known_as(name: str) -> str:
    """Our name of the provider that another tool calls `name`."""
    lowered = name.strip().lower()
    if lowered.startswith("vertex_ai-"):  # LiteLLM's, with the family of the model behind it
        return "gcp.vertex_ai"
    return _NAMES.get(lowered, lowered)


def of_model(model: str) -> str:
    """The provider that a model's name tells: a guess, for records that name none; empty where it tells none.

    A prefix such as `azure/` is taken at its word.
    """
    head, slash, _ = model.partition("/")
    if slash:
        return known_as(head)
    lowered = model.lower()
    return next((provider for beginning, provider in _MODELS if lowered.startswith(beginning)), "")
