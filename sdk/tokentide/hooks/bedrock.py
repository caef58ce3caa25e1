"""Amazon Bedrock: Converse, InvokeModel and their streams, through botocore, Anthropic's client or plain HTTP."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import Any, Final
from urllib.parse import unquote

from tokentide.hooks import anthropic, regions
from tokentide.hooks.content import last_user_turn
from tokentide.hooks.document import counts, dig, items, mapping, text, whole, word
from tokentide.hooks.openai import chat_tokens
from tokentide.hooks.provider import Answer, Document, Endpoint, Failure, Headers, Loop, Provider

# The operations of botocore's `bedrock-runtime` that are calls of a model.
_OPERATIONS: Final = ("Converse", "ConverseStream", "InvokeModel", "InvokeModelWithResponseStream", "CountTokens")
_STATUS_OF_CODE: Final = {
    "ThrottlingException": "rate_limited",
    "ServiceQuotaExceededException": "rate_limited",
    "AccessDeniedException": "auth",
    "ExpiredTokenException": "auth",
    "UnrecognizedClientException": "auth",
    "ModelTimeoutException": "timeout",
    "ValidationException": "invalid_request",
    "ResourceNotFoundException": "invalid_request",
    "InternalServerException": "server_error",
    "ServiceUnavailableException": "server_error",
    "ModelErrorException": "server_error",
    "ModelNotReadyException": "server_error",
    "ModelStreamErrorException": "server_error",
}
_TOO_LONG: Final = ("too long", "too many input tokens", "maximum context length", "exceed context limit")
_METRICS: Final = "amazon-bedrock-invocationMetrics"
_TYPED: Final = ("message_start", "content_block_delta", "message_delta", "message_stop")
_MODEL: Final = re.compile(r"/model/([^/]+)/[a-z-]+$")
# Where the model families that InvokeModel serves put their text and why they stopped: in an answer, in an event.
_TEXTS: Final = (
    ("results", 0, "outputText"),
    ("generation",),
    ("outputs", 0, "text"),
    ("choices", 0, "message", "content"),
)
_PIECES: Final = (
    ("contentBlockDelta", "delta", "text"),
    ("outputText",),
    ("generation",),
    ("outputs", 0, "text"),
    ("choices", 0, "delta", "content"),
)
_REASONS: Final = (
    ("stopReason",),
    ("messageStop", "stopReason"),
    ("stop_reason",),
    ("completionReason",),
    ("results", 0, "completionReason"),
    ("outputs", 0, "stop_reason"),
    ("choices", 0, "finish_reason"),
)


def _asked(arguments: tuple[Any, ...]) -> Document | None:
    """What `_make_api_call(self, operation_name, api_params)` asks of a model; None for any other call of botocore.

    InvokeModel's parameters are in the JSON that the app has written itself.
    """
    if len(arguments) != 3 or arguments[1] not in _OPERATIONS:
        return None
    client, _, asked = arguments
    if client.meta.service_model.service_name != "bedrock-runtime":
        return None
    return {} if "body" in asked else {"model": asked.get("modelId"), **_inference(asked)}


def _inference(request: Document) -> Document:
    """The parameters of Converse under OpenAI's names."""
    asked = mapping(request.get("inferenceConfig")) or {}
    found = {"temperature": asked.get("temperature"), "max_tokens": asked.get("maxTokens")}
    return {key: value for key, value in found.items() if value is not None}


def _parameters(streams: bool, request: Document) -> Document:
    return {**request, **_inference(request), "stream": streams}


def _prompt(request: Document) -> str:
    """What the user said last, or the one text that models without turns are asked."""
    turns = [
        {"role": dig(message, "role"), "content": _said(dig(message, "content"))}
        for message in items(request.get("messages"))
    ]
    return last_user_turn(turns) or text(request.get("prompt")) or text(request.get("inputText"))


def _said(content: Any) -> str:
    parts = (text(dig(part, "text")) for part in items(content))
    return text(content) or "\n".join(part for part in parts if part)


def _answer(document: Document) -> Answer:
    """What an answer of any model family says.

    The model that answered is left out: the requested id says more, it tells the kind of inference profile, which has
    a price of its own. A prompt router's id tells nothing: there it is the model that the router chose.
    """
    usage = document.get("usage")
    said = _said(dig(document, "output", "message", "content")) or _said(document.get("content"))
    return Answer(
        response_id=text(document.get("id")),
        model=text(dig(document, "trace", "promptRouter", "invokedModelId")).rpartition("/")[2],
        finish_reason=_first(document, _REASONS),
        service_tier=text(dig(document, "serviceTier", "type")) or text(dig(usage, "service_tier")),
        text=said or _first(document, _TEXTS),
        usage=mapping(usage),
        tokens=tokens(usage, is_embedding="embedding" in document or "embeddings" in document),
    )


def _first(document: Document, paths: Iterable[tuple[str | int, ...]]) -> str:
    return next((found for path in paths if (found := text(dig(document, *path)))), "")


def tokens(usage: Any, is_embedding: bool = False) -> dict[str, int]:
    """Inclusive counts from a usage in Bedrock's own form, in Anthropic's or in OpenAI's; {} without one.

    Bedrock counts what was read from and written to the cache apart. An embedding has no output tokens, and the headers
    beside one, which is often too long to be kept whole, count its input only.
    """
    if not isinstance(usage, dict) or "input_tokens" in usage:
        return anthropic.message_tokens(usage)
    if "prompt_tokens" in usage:
        return chat_tokens(usage)
    if (asked := _count(usage, "input")) is None:
        return {}
    read, written = _count(usage, "cacheReadInput") or 0, _count(usage, "cacheWriteInput") or 0
    output = _count(usage, "output")
    has_none = is_embedding or (output is None and "inputTokenCount" in usage)
    hour = sum(whole(dig(d, "inputTokens")) for d in items(usage.get("cacheDetails")) if dig(d, "ttl") == "1h")
    return counts(
        input_tokens=asked + read + written,
        cache_read_tokens=read,
        cache_write_5m_tokens=max(0, written - hour),
        cache_write_1h_tokens=min(hour, written),
        output_tokens=0 if has_none else output,
    )


def _count(usage: Document, kind: str) -> int | None:
    """Converse says `inputTokens`, the metrics of an invocation `inputTokenCount`, Nova's own answers some of both."""
    found = usage.get(f"{kind}Tokens", usage.get(f"{kind}TokenCount"))
    return whole(found) if type(found) is int else None


def _no_prompt(request: Document) -> str:
    """What is counted is kept when it is asked."""
    return ""


def _count_answer(document: Document) -> Answer:
    """The counted tokens; nothing was generated."""
    counted = _count(document, "input")
    return Answer(tokens={} if counted is None else {"input_tokens": counted, "output_tokens": 0})


def _fold(events: Iterable[Document]) -> Document:
    """The answer that a stream's events add up to: Anthropic's own events, Converse's, or another family's pieces."""
    document: dict[str, Any] = {}
    pieces: list[str] = []
    metrics: Any = None
    is_typed = False

    def noted() -> Iterator[Document]:
        nonlocal metrics, is_typed
        for event in events:
            metrics = metrics or event.get(_METRICS)
            is_typed = is_typed or event.get("type") in _TYPED
            pieces.append(_first(event, _PIECES))
            said = mapping(event.get("metadata")) or {}
            document.update((key, value) for key, value in said.items() if value is not None)
            document["stopReason"] = _first(event, _REASONS) or document.get("stopReason")
            if event.get("type") == "error":
                document["error"] = event.get("error")
            yield event

    of_anthropic = dict(anthropic.fold(noted()))
    if is_typed:
        return of_anthropic | {"usage": of_anthropic.get("usage") or metrics or {}}
    return {"usage": metrics or {}, "content": "".join(pieces)} | document


def _has_content(event: Document) -> bool:
    is_delta = bool(mapping(dig(event, "contentBlockDelta", "delta")))
    return is_delta or bool(_first(event, _PIECES)) or anthropic.has_content(event)


def _is_end(event: Document) -> bool:
    return "metadata" in event or _METRICS in event or anthropic.is_end(event)


def _model_in_path(path: str) -> str:
    found = _MODEL.search(path)
    return unquote(found[1]) if found else ""


def _failure(document: Document) -> Failure:
    """An exception in a stream begins with a small letter, the one in the headers of an error with a capital."""
    said = word(dig(document, "error", "type"))
    code = said[:1].upper() + said[1:]
    message = text(dig(document, "error", "message")) or text(document.get("message"))
    if code and any(words in message.lower() for words in _TOO_LONG):
        return Failure(code, "context_length")
    return Failure(code, _STATUS_OF_CODE.get(code, ""))


def _in_headers(headers: Headers) -> Document:
    """The error of a refused call; for InvokeModel the counts and the tier, whatever the model's answer looks like."""
    usage = {
        f"{kind}TokenCount": int(written)
        for kind, name in (
            ("input", "input"),
            ("output", "output"),
            ("cacheReadInput", "cache-read-input"),
            ("cacheWriteInput", "cache-write-input"),
        )
        if (written := headers.get(f"x-amzn-bedrock-{name}-token-count", "")).isdecimal()
    }
    code = headers.get("x-amzn-errortype", "").partition(":")[0]
    tier = headers.get("x-amzn-bedrock-service-tier", "")
    return {
        **({"usage": usage} if usage else {}),
        **({"error": {"type": code}} if code else {}),
        **({"serviceTier": {"type": tier}} if tier else {}),
    }


def _no_limits(headers: Headers, now: datetime) -> Mapping[str, int | float]:
    """Bedrock tells none."""
    return {}


def _region(host: str, headers: Headers) -> str:
    return regions.of_bedrock(host)


def _is_bedrock(request: Any) -> bool:
    return regions.of_bedrock(request.url.host) != ""


def _endpoint(path: str, operation: str) -> Endpoint:
    return Endpoint(
        path=path,
        plain_path=path,
        is_ours=_is_bedrock,
        operation=operation,
        prompt=_prompt,
        answer=_answer,
        fold=_fold,
        has_content=_has_content,
        is_end=_is_end,
        model_in_path=_model_in_path,
        parameters=partial(_parameters, path.endswith("-stream")),
    )


PROVIDER: Final = Provider(
    name="aws.bedrock",
    loops=(Loop("botocore.client", "BaseClient", "_make_api_call", _asked),),
    hosts={"amazonaws.com": "aws.bedrock"},
    request_id_header="x-amzn-requestid",
    endpoints=(
        _endpoint("/converse", "chat"),
        _endpoint("/converse-stream", "chat"),
        _endpoint("/invoke", "generate"),
        _endpoint("/invoke-with-response-stream", "generate"),
        replace(_endpoint("/count-tokens", "count_tokens"), answer=_count_answer, prompt=_no_prompt),
    ),
    failure=_failure,
    limits=_no_limits,
    region=_region,
    in_headers=_in_headers,
)
