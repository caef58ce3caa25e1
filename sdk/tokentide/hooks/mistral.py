"""Mistral: chat, agents, fill in the middle and embeddings, which answer as OpenAI's do, and OCR."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any, Final

from tokentide.hooks import limits
from tokentide.hooks.document import dig, mapping, text, word
from tokentide.hooks.openai import PROVIDER as OPENAI
from tokentide.hooks.openai_hosts import AZURE
from tokentide.hooks.provider import Answer, Document, Endpoint, Failure, Headers, Loop, Provider

_STATUS_OF_CODE: Final = {
    "rate_limited": "rate_limited",
    "service_tier_capacity_exceeded": "rate_limited",
}
_TOO_LONG: Final = ("maximum context length", "too large for model")
_HOST: Final = "mistral.ai"
# Version 1 has its clients in two packages, later ones have them in one.
_CLIENTS: Final = ("mistralai", "mistralai_azure", "mistralai.client", "mistralai.azure.client")
_CHAT, _EMBEDDINGS = (
    next(endpoint for endpoint in OPENAI.endpoints if endpoint.path == path)
    for path in ("/chat/completions", "/embeddings")
)


def _is_ours(request: Any) -> bool:
    return f".{request.url.host}".endswith(f".{_HOST}") or request.headers.get("user-agent", "").startswith("mistral-")


def _answer(document: Document) -> Answer:
    tier = text(dig(document, "usage", "service_tier"))
    return replace(_CHAT.answer(document), service_tier=tier)


def _fill_prompt(request: Document) -> str:
    return text(request.get("prompt"))


def _scan_prompt(request: Document) -> str:
    """The address of the document that is to be read, unless it is the document itself."""
    asked = request.get("document")
    address = text(dig(asked, "document_url")) or text(dig(asked, "image_url", "url")) or text(dig(asked, "image_url"))
    return "" if address.startswith("data:") else address


def _scan_answer(document: Document) -> Answer:
    """OCR is paid by the page: there are no tokens."""
    return Answer(model=text(document.get("model")), usage=mapping(document.get("usage_info")))


def _failure(document: Document) -> Failure:
    """From `{"object": "error", "type", "code", "message"}`, which a stream nests under `error`."""
    nested = mapping(document.get("error"))
    error = nested or (document if document.get("object") == "error" else {})
    code = word(error.get("type")) or word(error.get("code"))
    message = text(error.get("message"))
    if any(words in message for words in _TOO_LONG):
        return Failure(code, "context_length")
    return Failure(code, _STATUS_OF_CODE.get(code, ""))


def _limits(headers: Headers, now: datetime) -> Mapping[str, int | float]:
    """The limits of one minute."""

    def said(name: str) -> int | None:
        return limits.count(headers.get(f"x-ratelimit-{name}-minute", ""))

    return limits.known(
        limit_requests=said("limit-req"),
        remaining_requests=said("remaining-req"),
        limit_tokens=said("limit-tokens"),
        remaining_tokens=said("remaining-tokens"),
    )


def _completions(path: str, **readers: Any) -> Endpoint:
    return replace(_CHAT, path=path, plain_path=path, is_ours=_is_ours, answer=_answer, **readers)


PROVIDER: Final = Provider(
    name="mistral",
    loops=tuple(
        Loop(f"{place}.basesdk", "BaseSDK", method)
        for place in _CLIENTS
        for method in ("do_request", "do_request_async")
    ),
    hosts={_HOST: "mistral", **AZURE},
    request_id_header="mistral-correlation-id",
    endpoints=(
        _completions("/chat/completions"),
        _completions("/agents/completions"),
        _completions("/fim/completions", operation="completions", prompt=_fill_prompt),
        replace(_EMBEDDINGS, is_ours=_is_ours),
        *(
            Endpoint(
                path=path,
                plain_path=path,
                is_ours=_is_ours,
                operation="ocr",
                prompt=_scan_prompt,
                answer=_scan_answer,
            )
            for path in ("/v1/ocr", "/providers/mistral/azure/ocr")
        ),
    ),
    failure=_failure,
    limits=_limits,
)
