"""Ollama: chat, generate and embeddings of its own API. What it serves in OpenAI's shape is OpenAI's to read."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, Final

from tokentide.hooks.content import last_user_turn
from tokentide.hooks.document import count, counts, dig, items, mapping, text
from tokentide.hooks.provider import Answer, Document, Endpoint, Failure, Headers, Provider

_PORT: Final = 11434
_HOST: Final = "ollama.com"
_USAGE: Final = (
    "prompt_eval_count",
    "eval_count",
    "total_duration",
    "load_duration",
    "prompt_eval_duration",
    "eval_duration",
)


def _is_ours(request: Any) -> bool:
    """Its client library never tries again, so that it has no loop: it is known by its name."""
    url = request.url
    is_library = request.headers.get("user-agent", "").startswith("ollama-")
    return is_library or url.port == _PORT or f".{url.host}".endswith(f".{_HOST}")


def _parameters(request: Document) -> Document:
    asked = mapping(request.get("options")) or {}
    names = {"temperature": "temperature", "num_predict": "max_tokens"}
    return {**request, **{name: asked[key] for key, name in names.items() if key in asked}}


def _chat_prompt(request: Document) -> str:
    return last_user_turn(request.get("messages"))


def _generate_prompt(request: Document) -> str:
    return text(request.get("prompt"))


def _embedding_prompt(request: Document) -> str:
    asked = request.get("input")
    return asked if isinstance(asked, str) else "\n".join(text(part) for part in items(asked))


def _answer(document: Document) -> Answer:
    return Answer(
        model=text(document.get("model")),
        finish_reason=text(document.get("done_reason")),
        text=text(dig(document, "message", "content")) or text(document.get("response")),
        usage=_usage(document),
        tokens=counts(
            input_tokens=count(document.get("prompt_eval_count")), output_tokens=count(document.get("eval_count"))
        ),
    )


def _embedding_answer(document: Document) -> Answer:
    """An embedding has no output tokens, so their count is known to be zero once the input's is there."""
    asked = count(document.get("prompt_eval_count"))
    return Answer(
        model=text(document.get("model")),
        usage=_usage(document),
        tokens={} if asked is None else counts(input_tokens=asked, output_tokens=0),
    )


def _usage(document: Document) -> Document | None:
    """The counts, and how long they took in nanoseconds."""
    return {name: document[name] for name in _USAGE if name in document} or None


def _fold(events: Iterable[Document]) -> Document:
    """The answer that a stream's lines add up to; the last of them has the counts."""
    folded: dict[str, Any] = {}
    pieces: list[str] = []
    for event in events:
        folded |= event
        pieces.append(text(dig(event, "message", "content")) or text(event.get("response")))
    folded.pop("message", None)
    return folded | {"response": "".join(pieces)}


def _has_content(event: Document) -> bool:
    said = (event.get("response"), event.get("thinking"), event.get("message"))
    parts = ("content", "thinking", "tool_calls")
    return any(said[:2]) or any(dig(said[2], part) for part in parts)


def _is_end(event: Document) -> bool:
    return event.get("done") is True


def _failure(document: Document) -> Failure:
    """An error is a sentence."""
    return Failure("error" if text(document.get("error")) else "")


def _limits(headers: Headers, now: datetime) -> Mapping[str, int | float]:
    return {}


def _streaming(path: str, operation: str, prompt: Any) -> Endpoint:
    return Endpoint(
        path=path,
        plain_path=path,
        is_ours=_is_ours,
        operation=operation,
        prompt=prompt,
        answer=_answer,
        fold=_fold,
        has_content=_has_content,
        is_end=_is_end,
        parameters=_parameters,
    )


PROVIDER: Final = Provider(
    name="ollama",
    hosts={_HOST: "ollama"},
    request_id_header="",
    endpoints=(
        _streaming("/api/chat", "chat", _chat_prompt),
        _streaming("/api/generate", "generate", _generate_prompt),
        Endpoint(
            path="/api/embed",
            plain_path="/api/embed",
            is_ours=_is_ours,
            operation="embeddings",
            prompt=_embedding_prompt,
            answer=_embedding_answer,
        ),
    ),
    failure=_failure,
    limits=_limits,
)
