"""Which attribute of a span is which part of an event: of several the one that is named first here.

The names are those of OpenTelemetry's conventions for generative AI (1.36, 1.41 and today's), of OpenInference, of
OpenLLMetry and of the AI SDK for TypeScript. docs/opentelemetry.md shows the same table.
"""

from __future__ import annotations

from typing import Final

Names = tuple[str, ...]
# What an attribute is, and how many others are preferred to it.
Known = dict[str, tuple[str, int]]

TOKENS: Final[dict[str, Names]] = {
    "input_tokens": ("gen_ai.usage.input_tokens", "gen_ai.usage.prompt_tokens", "llm.token_count.prompt"),
    "cache_read_tokens": (
        "gen_ai.usage.cache_read.input_tokens",
        "gen_ai.usage.cache_read_input_tokens",
        "gen_ai.usage.input_tokens.cached",
        "llm.token_count.prompt_details.cache_read",
    ),
    "cache_write_5m_tokens": (
        "gen_ai.usage.cache_write.input_tokens",
        "gen_ai.usage.cache_creation.input_tokens",
        "gen_ai.usage.cache_creation_input_tokens",
        "gen_ai.usage.cache_write_input_tokens",
        "llm.token_count.prompt_details.cache_write",
    ),
    "output_tokens": ("gen_ai.usage.output_tokens", "gen_ai.usage.completion_tokens", "llm.token_count.completion"),
    "reasoning_tokens": (
        "gen_ai.usage.reasoning.output_tokens",
        "gen_ai.usage.reasoning_tokens",
        "llm.usage.reasoning_tokens",
        "llm.token_count.completion_details.reasoning",
    ),
    "input_audio_tokens": ("gen_ai.usage.audio.input_tokens", "llm.token_count.prompt_details.audio"),
    "cache_read_audio_tokens": ("gen_ai.usage.audio.cache_read.input_tokens",),
    "output_audio_tokens": ("gen_ai.usage.audio.output_tokens", "llm.token_count.completion_details.audio"),
    "input_image_tokens": ("gen_ai.usage.image.input_tokens",),
    "output_image_tokens": ("gen_ai.usage.image.output_tokens",),
}

# Fields that are texts of a few words, as they come.
WORDS: Final[dict[str, Names]] = {
    "team": ("tokentide.team", "team"),
    "app": ("service.name",),
    "feature": ("tokentide.feature", "feature", "gen_ai.workflow.name", "traceloop.workflow.name"),
    "environment": ("deployment.environment.name", "deployment.environment"),
    "session_id": ("session.id", "gen_ai.conversation.id"),
    "model_requested": (
        "gen_ai.request.model",
        "llm.request.model_name",
        "llm.model_name",
        "embedding.model_name",
        "reranker.model_name",
    ),
    "model_responded": ("gen_ai.response.model", "llm.response.model_name", "ai.response.model"),
    "service_tier": ("openai.response.service_tier", "gen_ai.openai.response.service_tier"),
    "response_id": ("gen_ai.response.id", "ai.response.id"),
    "prompt_name": ("gen_ai.prompt.name", "traceloop.prompt.key"),
    "prompt_version": ("gen_ai.prompt.version", "traceloop.prompt.version", "llm.prompt_template.version"),
}

TEXTS: Final[dict[str, Names]] = {
    "prompt": ("gen_ai.input.messages", "gen_ai.prompt", "ai.prompt.messages"),
    "response": ("gen_ai.output.messages", "gen_ai.completion", "ai.response.text"),
}
# Lists of messages whose every part is an attribute of its own, as in `gen_ai.prompt.0.content`.
SPREAD_TEXTS: Final[dict[str, Names]] = {
    "prompt": ("gen_ai.prompt.", "llm.input_messages."),
    "response": ("gen_ai.completion.", "llm.output_messages."),
}

# What only a part of is kept, or nothing in the clear.
GUARDED: Final[dict[str, Names]] = {
    "user": ("user.id", "enduser.id", "gen_ai.user", "llm.user"),
    "parameters": ("llm.invocation_parameters",),
    "answer": ("output.value",),
}

FIELDS: Final[dict[str, Names]] = {
    "operation": ("gen_ai.operation.name", "llm.request.type", "openinference.span.kind"),
    "provider": ("gen_ai.provider.name", "gen_ai.system", "llm.provider", "llm.system"),
    "host": ("server.address",),
    "port": ("server.port",),
    "url": ("gen_ai.openai.api_base", "llm.openai.api_base", "url.full"),
    "stream": ("gen_ai.request.stream", "gen_ai.is_streaming", "llm.is_streaming"),
    "temperature": ("gen_ai.request.temperature",),
    "max_tokens": ("gen_ai.request.max_tokens", "gen_ai.request.max_completion_tokens"),
    "seconds_to_first_token": ("gen_ai.response.time_to_first_chunk", "gen_ai.server.time_to_first_token"),
    "ms_to_first_token": ("ai.response.msToFirstChunk",),
    "total_tokens": ("gen_ai.usage.total_tokens", "llm.usage.total_tokens", "llm.token_count.total"),
    "http_status": ("http.response.status_code", "http.status_code"),
    "error_code": ("error.type", "exception.type"),
    "finish_reason": (
        "gen_ai.response.finish_reasons",
        "gen_ai.response.finish_reason",
        "gen_ai.response.stop_reason",
        "llm.response.finish_reason",
        "llm.response.stop_reason",
        "llm.finish_reason",
        "gen_ai.completion.0.finish_reason",
        "ai.response.finishReason",
    ),
    **TOKENS,
    **WORDS,
}


def _known(*tables: dict[str, Names]) -> Known:
    return {
        name: (field, rank) for table in tables for field, names in table.items() for rank, name in enumerate(names)
    }


KNOWN: Final = _known(FIELDS, GUARDED)
KNOWN_WITH_TEXTS: Final = _known(FIELDS, GUARDED, TEXTS)
SPREAD: Final = tuple(prefix for prefixes in SPREAD_TEXTS.values() for prefix in prefixes)

FIRST_TOKEN: Final = "First Token Stream Event"
EXCEPTION: Final = "exception"
EVENTS: Final = frozenset(
    (
        *(FIRST_TOKEN, EXCEPTION, "gen_ai.client.inference.operation.details"),
        *("gen_ai.content.prompt", "gen_ai.content.completion", "gen_ai.choice"),
        *(f"gen_ai.{role}.message" for role in ("system", "user", "assistant", "tool")),
    )
)
# Attributes of such events; those that are no part of an event of ours by themselves keep their names.
KNOWN_OF_EVENTS: Final = _known(
    TEXTS,
    {"error_code": ("exception.type",)},
    {name: (name,) for name in ("gen_ai.event.content", "content", "message")},
)
