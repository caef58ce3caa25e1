"""Google: Gemini's texts and embeddings, through the Gemini API and through Vertex AI."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any, Final
from urllib.parse import unquote

from tokentide.hooks import regions
from tokentide.hooks.content import last_user_turn
from tokentide.hooks.document import count, counts, dig, items, mapping, number, text, whole
from tokentide.hooks.google_errors import failure
from tokentide.hooks.provider import Answer, Document, Endpoint, Headers, Loop, Provider

_FOLDED_KEYS: Final = ("responseId", "modelVersion", "usageMetadata", "promptFeedback", "error")
_FREE: Final[Mapping[str, int]] = {"input_tokens": 0, "output_tokens": 0}
_NO_CONTENT: Final = ("thought", "thoughtSignature")
_STREAM: Final = ":streamGenerateContent"
# Vertex AI has models of every kind at `:predict`; those that embed have one of these names.
_EMBEDDING_PATHS: Final = (
    ":embedContent",
    ":batchEmbedContents",
    *(f"embedding-00{n}:predict" for n in range(1, 10)),
    "multimodalembedding@001:predict",
    "text-embedding-large-exp-03-07:predict",
)
_PATHS: Final = (":generateContent", _STREAM, ":countTokens", *_EMBEDDING_PATHS)


def _asked(arguments: tuple[Any, ...]) -> Document | None:
    """The parameters out of `_request(self, http_request, ...)`, which is also what everything else is sent with."""
    request = arguments[1]
    path = request.url.partition("?")[0]
    if not path.endswith(_PATHS):
        return None
    return {**_parameters({"generationConfig": {}, **request.data}), "stream": path.endswith(_STREAM)}


def _parameters(request: Document) -> Document:
    """A request's parameters under the names that the other providers use. What has none is not a request's body."""
    config = mapping(request.get("generationConfig"))
    if config is None:
        return request
    return {"temperature": config.get("temperature"), "max_output_tokens": config.get("maxOutputTokens")}


def _stream_parameters(request: Document) -> Document:
    return {**_parameters(request), "stream": True}


def _model_in_path(path: str) -> str:
    return unquote(path.rpartition("/")[2]).partition(":")[0]


def _prompt(request: Document) -> str:
    turns = items(request.get("contents"))
    return last_user_turn([{"role": dig(turn, "role") or "user", "content": _words(turn)} for turn in turns])


def _words(content: Any) -> list[str]:
    """The texts of a content's parts, without the thoughts."""
    parts = items(dig(content, "parts"))
    return [said for part in parts if (said := text(dig(part, "text"))) and dig(part, "thought") is not True]


def _answer(document: Document) -> Answer:
    candidate = dig(document, "candidates", 0)
    blocked = text(dig(document, "promptFeedback", "blockReason"))
    finish_reason = text(dig(candidate, "finishReason")) or text(document.get("finishReason")) or blocked
    usage = mapping(document.get("usageMetadata"))
    return Answer(
        response_id=text(document.get("responseId")),
        model=text(document.get("modelVersion")).rpartition("/")[2],
        finish_reason=finish_reason,
        service_tier=text(document.get("serviceTier")) or _service_tier(usage),
        text="".join(_words(dig(candidate, "content"))),
        usage=usage,
        tokens=content_tokens(usage, is_whole=bool(finish_reason) or document.get("is_stream") is not True),
    )


def content_tokens(usage: Document | None, is_whole: bool) -> dict[str, int]:
    """Inclusive counts from the usage of an answer; {} without one.

    Tokens of thoughts are added to the output and those of a tool's results to the input, unless the total says that
    they are in already. A count of zero is left out of the answer. Of a stream that is not `is_whole` yet, only the
    input is known.
    """
    asked = count(dig(usage, "promptTokenCount"))
    if usage is None or asked is None:
        return {}
    tools = whole(usage.get("toolUsePromptTokenCount"))
    said, thought = whole(usage.get("candidatesTokenCount")), whole(usage.get("thoughtsTokenCount"))
    answered = said if thought <= said and usage.get("totalTokenCount") == asked + tools + said else said + thought
    known = counts(
        input_tokens=asked + tools,
        cache_read_tokens=whole(usage.get("cachedContentTokenCount")),
        cache_read_audio_tokens=_of("AUDIO", usage, "cacheTokensDetails"),
        input_audio_tokens=_of("AUDIO", usage, "promptTokensDetails", "toolUsePromptTokensDetails"),
        input_image_tokens=_of("IMAGE", usage, "promptTokensDetails", "toolUsePromptTokensDetails"),
    )
    return known | (_answered_tokens(usage, answered, thought) if is_whole else {})


def _answered_tokens(usage: Document, answered: int, thought: int) -> dict[str, int]:
    return counts(
        output_tokens=answered,
        reasoning_tokens=thought,
        output_audio_tokens=_of("AUDIO", usage, "candidatesTokensDetails"),
        output_image_tokens=_of("IMAGE", usage, "candidatesTokensDetails"),
    )


def _of(modality: str, usage: Document, *details: str) -> int | None:
    """The tokens of one modality; None if there are none."""
    parts = (part for detail in details for part in items(usage.get(detail)) if dig(part, "modality") == modality)
    return sum(whole(dig(part, "tokenCount")) for part in parts) or None


def _service_tier(usage: Document | None) -> str:
    """The Gemini API names the tier, Vertex AI the kind of traffic: `ON_DEMAND_FLEX` is the tier `flex`."""
    return (text(dig(usage, "serviceTier")) or text(dig(usage, "trafficType"))).lower().removeprefix("on_demand_")


def _fold(events: Iterable[Document]) -> Document:
    """The answer that a stream's events add up to (of its first candidate). The usage of each event is up to date, so
    that it is the whole one only where the last event has come: `is_stream` reminds of that.
    """
    folded: dict[str, Any] = {"is_stream": True}
    pieces: list[str] = []
    finish_reason = None
    for event in events:
        folded |= {key: event[key] for key in _FOLDED_KEYS if event.get(key) is not None}
        candidate = dig(event, "candidates", 0)
        if dig(candidate, "index") in (None, 0):
            pieces += _words(dig(candidate, "content"))
            finish_reason = dig(candidate, "finishReason") or finish_reason
    content = {"parts": [{"text": "".join(pieces)}]}
    return folded | {"candidates": [{"content": content, "finishReason": finish_reason}]}


def _has_content(event: Document) -> bool:
    """Whether anything came that the model made: a text, a thought, a call of a function, an image."""
    parts = items(dig(event, "candidates", 0, "content", "parts"))
    return any(value for part in parts for key, value in (mapping(part) or {}).items() if key not in _NO_CONTENT)


def _is_end(event: Document) -> bool:
    """There is no mark of the end: the last event says why the model stopped, or that the prompt was blocked."""
    return bool(text(dig(event, "candidates", 0, "finishReason")) or text(dig(event, "promptFeedback", "blockReason")))


def _embedding_prompt(request: Document) -> str:
    """What is embedded: one content, a batch of them, or what Vertex AI calls instances."""
    contents = [request, *items(request.get("requests"))]
    words = [word for content in contents for word in _words(dig(content, "content"))]
    return "\n".join([*words, *(text(dig(instance, "content")) for instance in items(request.get("instances")))])


def _embedding_answer(document: Document) -> Answer:
    """An embedding has no output tokens, so their count is known to be zero once its input's is."""
    predicted = (dig(one, "embeddings", "statistics", "token_count") for one in items(document.get("predictions")))
    counted = [dig(document, "usageMetadata", "promptTokenCount"), *predicted]
    known = [whole(round(tokens)) for said in counted if (tokens := number(said)) is not None]
    usage = mapping(document.get("usageMetadata"))
    return Answer(usage=usage, tokens={"input_tokens": sum(known), "output_tokens": 0} if known else {})


def _count_answer(document: Document) -> Answer:
    """Counting is free: no tokens are used, whatever their number is."""
    counted = {key: document[key] for key in ("totalTokens",) if key in document}
    return Answer(usage=counted, tokens=_FREE if counted else {})


def _no_prompt(request: Document) -> str:
    return ""


def _limits(headers: Headers, now: datetime) -> Mapping[str, int | float]:
    """Google's headers say nothing of limits; those that were hit, and when to try again, are in the error."""
    return {}


def _in_headers(headers: Headers) -> Document:
    """The tier that served the request, which may be another than the one that was asked for."""
    return {"serviceTier": headers["x-gemini-service-tier"]} if "x-gemini-service-tier" in headers else {}


def _region(host: str, headers: Headers) -> str:
    return regions.of_vertex(host)


def _generate(path: str, parameters: Callable[[Document], Document]) -> Endpoint:
    return Endpoint(
        path=path,
        plain_path=path,
        operation="generate_content",
        prompt=_prompt,
        answer=_answer,
        fold=_fold,
        has_content=_has_content,
        is_end=_is_end,
        model_in_path=_model_in_path,
        parameters=parameters,
    )


def _embed(path: str) -> Endpoint:
    return Endpoint(
        path=path,
        plain_path=path,
        operation="embeddings",
        prompt=_embedding_prompt,
        answer=_embedding_answer,
        model_in_path=_model_in_path,
        parameters=_parameters,
    )


PROVIDER: Final = Provider(
    name="gemini",
    loops=(
        Loop("google.genai._api_client", "BaseApiClient", "_request", _asked),
        Loop("google.genai._api_client", "BaseApiClient", "_async_request", _asked),
    ),
    hosts={
        "generativelanguage.googleapis.com": "gemini",
        "generativelanguage.mtls.googleapis.com": "gemini",
        "aiplatform.googleapis.com": "gcp.vertex_ai",
        "aiplatform.mtls.googleapis.com": "gcp.vertex_ai",
        "rep.googleapis.com": "gcp.vertex_ai",
    },
    request_id_header="",
    endpoints=(
        _generate(":generateContent", _parameters),
        _generate(_STREAM, _stream_parameters),
        replace(
            _generate(":countTokens", _parameters), operation="count_tokens", answer=_count_answer, prompt=_no_prompt
        ),
        *(_embed(path) for path in _EMBEDDING_PATHS),
    ),
    failure=failure,
    limits=_limits,
    region=_region,
    in_headers=_in_headers,
)
