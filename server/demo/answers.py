"""The documents and events that the demo's provider sends, shaped as OpenAI's and Anthropic's are."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

Document = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """One answer before it is put into a provider's words. Token counts are inclusive."""

    request_id: str
    model: str
    text: str
    input_tokens: int
    cached_tokens: int
    output_tokens: int
    created: int

    def pieces(self, count: int) -> list[str]:
        """The text in `count` pieces of about the same length; fewer when the text is too short."""
        step = max(1, -(-len(self.text) // max(1, count)))
        return [self.text[at : at + step] for at in range(0, len(self.text), step)]


def token_count(text: str) -> int:
    """About what a tokenizer counts for English text: one token for four characters, at least one."""
    return max(1, (len(text) + 3) // 4)


def chat(answer: Answer) -> Document:
    """A chat completion."""
    message = {"role": "assistant", "content": answer.text, "refusal": None}
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": "stop"}
    return _chat_head(answer, "chat.completion") | {"choices": [choice], "usage": chat_usage(answer)}


def chat_events(answer: Answer, count: int, include_usage: bool) -> Iterator[Document]:
    """The chunks of a chat completion; the last one carries the usage if the request asked for it."""
    head = _chat_head(answer, "chat.completion.chunk")

    def chunk(delta: Document, finish_reason: str | None = None) -> Document:
        return head | {"choices": [{"index": 0, "delta": delta, "finish_reason": finish_reason}]}

    yield chunk({"role": "assistant", "content": ""})
    for piece in answer.pieces(count):
        yield chunk({"content": piece})
    yield chunk({}, "stop")
    if include_usage:
        yield head | {"choices": [], "usage": chat_usage(answer)}


def _chat_head(answer: Answer, kind: str) -> Document:
    return {
        "id": f"chatcmpl-{answer.request_id}",
        "object": kind,
        "created": answer.created,
        "model": answer.model,
        "service_tier": "default",
        "system_fingerprint": "fp_demo",
    }


def chat_usage(answer: Answer) -> Document:
    """Usage as chat completions count it."""
    return {
        "prompt_tokens": answer.input_tokens,
        "completion_tokens": answer.output_tokens,
        "total_tokens": answer.input_tokens + answer.output_tokens,
        "prompt_tokens_details": {"cached_tokens": answer.cached_tokens, "audio_tokens": 0},
        "completion_tokens_details": {"reasoning_tokens": 0, "audio_tokens": 0},
    }


def completion(answer: Answer) -> Document:
    """A completion of the endpoint that came before chats."""
    choice = {"index": 0, "text": answer.text, "logprobs": None, "finish_reason": "stop"}
    return _chat_head(answer, "text_completion") | {"choices": [choice], "usage": chat_usage(answer)}


def completion_events(answer: Answer, count: int, include_usage: bool) -> Iterator[Document]:
    """The chunks of such a completion; the last one carries the usage if the request asked for it."""
    head = _chat_head(answer, "text_completion")
    pieces: list[tuple[str, str | None]] = [(piece, None) for piece in ("", *answer.pieces(count))]
    for text, reason in [*pieces, ("", "stop")]:
        yield head | {"choices": [{"index": 0, "text": text, "logprobs": None, "finish_reason": reason}]}
    if include_usage:
        yield head | {"choices": [], "usage": chat_usage(answer)}


def image(answer: Answer) -> Document:
    """An image of one pixel, counted as models count that take and give both texts and images."""
    usage = {
        "input_tokens": answer.input_tokens,
        "input_tokens_details": {"text_tokens": answer.input_tokens, "image_tokens": 0},
        "output_tokens": answer.output_tokens,
        "total_tokens": answer.input_tokens + answer.output_tokens,
    }
    return {"created": answer.created, "data": [{"b64_json": _PIXEL}], "usage": usage}


_PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="


def transcription(answer: Answer) -> Document:
    """What was said in a recording, counted in tokens."""
    usage = {
        "type": "tokens",
        "input_tokens": answer.input_tokens,
        "input_token_details": {"text_tokens": 0, "audio_tokens": answer.input_tokens},
        "output_tokens": answer.output_tokens,
        "total_tokens": answer.input_tokens + answer.output_tokens,
    }
    return {"text": answer.text, "usage": usage}


def response(answer: Answer, status: str = "completed") -> Document:
    """An object of the Responses API; without output and usage while it is in progress."""
    done = status == "completed"
    usage = {
        "input_tokens": answer.input_tokens,
        "input_tokens_details": {"cached_tokens": answer.cached_tokens, "cache_write_tokens": 0},
        "output_tokens": answer.output_tokens,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": answer.input_tokens + answer.output_tokens,
    }
    part = {"type": "output_text", "text": answer.text, "annotations": []}
    return {
        "id": f"resp_{answer.request_id}",
        "object": "response",
        "created_at": answer.created,
        "status": status,
        "error": None,
        "incomplete_details": None,
        "instructions": None,
        "model": answer.model,
        "output": [_response_item("completed", [part])] if done else [],
        "parallel_tool_calls": True,
        "temperature": 1.0,
        "tool_choice": "auto",
        "tools": [],
        "top_p": 1.0,
        "metadata": {},
        "service_tier": "default",
        "usage": usage if done else None,
    }


def response_events(answer: Answer, count: int) -> Iterator[Document]:
    """The events of a streamed response."""
    place = {"item_id": "msg_1", "output_index": 0, "content_index": 0}
    part = {"type": "output_text", "text": "", "annotations": []}
    events: list[Document] = [
        {"type": "response.created", "response": response(answer, "in_progress")},
        {"type": "response.output_item.added", "output_index": 0, "item": _response_item("in_progress", [])},
        {"type": "response.content_part.added", **place, "part": part},
        *(
            {"type": "response.output_text.delta", **place, "delta": piece, "logprobs": []}
            for piece in answer.pieces(count)
        ),
        {"type": "response.completed", "response": response(answer)},
    ]
    for number, event in enumerate(events):
        yield event | {"sequence_number": number}


def _response_item(status: str, content: list[Document]) -> Document:
    return {"type": "message", "id": "msg_1", "status": status, "role": "assistant", "content": content}


def embeddings(answer: Answer) -> Document:
    """A list of one embedding."""
    vector = [round(((ord(letter) * 37) % 200 - 100) / 1000, 3) for letter in (answer.text * 64)[:64]]
    return {
        "object": "list",
        "model": answer.model,
        "data": [{"object": "embedding", "index": 0, "embedding": vector}],
        "usage": {"prompt_tokens": answer.input_tokens, "total_tokens": answer.input_tokens},
    }


def message(answer: Answer) -> Document:
    """A message of Anthropic's Messages API."""
    content = [{"type": "text", "text": answer.text}]
    usage = _message_usage(answer) | {"output_tokens": answer.output_tokens}
    return _message_head(answer) | {"content": content, "stop_reason": "end_turn", "usage": usage}


def message_events(answer: Answer, count: int) -> Iterator[Document]:
    """The events of a streamed message: what went in is counted in the first one, what came out in the last but one."""
    yield {"type": "message_start", "message": _message_head(answer)}
    yield {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}
    for piece in answer.pieces(count):
        yield {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": piece}}
    yield {"type": "content_block_stop", "index": 0}
    ended = {"stop_reason": "end_turn", "stop_sequence": None}
    yield {"type": "message_delta", "delta": ended, "usage": {"output_tokens": answer.output_tokens}}
    yield {"type": "message_stop"}


def _message_head(answer: Answer) -> Document:
    return {
        "id": f"msg_{answer.request_id}",
        "type": "message",
        "role": "assistant",
        "model": answer.model,
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
        "usage": _message_usage(answer) | {"output_tokens": 1},
    }


def _message_usage(answer: Answer) -> Document:
    return {
        "input_tokens": answer.input_tokens - answer.cached_tokens,
        "cache_creation_input_tokens": 0,
        "cache_read_input_tokens": answer.cached_tokens,
        "cache_creation": {"ephemeral_5m_input_tokens": 0, "ephemeral_1h_input_tokens": 0},
        "service_tier": "standard",
    }


def error(provider: str, http_status: int, code: str) -> Document:
    """The error document that goes with an HTTP status."""
    kind = code or _ERROR_KINDS[provider].get(http_status, "invalid_request_error")
    said = f"The demo's provider answers {http_status}."
    if provider == "anthropic":
        return {"type": "error", "error": {"type": kind, "message": said}}
    return {"error": {"message": said, "type": "server_error" if http_status >= 500 else "requests", "code": kind}}


_ERROR_KINDS: Mapping[str, Mapping[int, str]] = {
    "openai": {401: "invalid_api_key", 429: "rate_limit_exceeded", 500: "server_error"},
    "anthropic": {401: "authentication_error", 429: "rate_limit_error", 500: "api_error", 529: "overloaded_error"},
}
