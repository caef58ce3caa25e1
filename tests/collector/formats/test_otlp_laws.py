"""Whatever a request holds, every span of it is stored, ignored or kept as a dead letter."""

from __future__ import annotations

import json
from typing import Any

import msgspec
from collector_batches import batch_of
from hypothesis import given
from hypothesis import strategies as st
from otlp_requests import JSON, PROTOBUF, a_chat, a_request, a_span, in_protobuf, otlp

from collector.formats import otlp_names as names
from collector.formats.format import Unreadable

PARTS = '[{"role": "user", "parts": [{"type": "text", "content": "How do I top up?"}]}]'
KEYS = st.sampled_from(
    [
        *sorted({*names.KNOWN_WITH_TEXTS, *names.KNOWN_OF_EVENTS}),
        *("gen_ai.prompt.0.content", "gen_ai.prompt.x", "llm.input_messages.1.message.role", "llm.output_messages.²."),
    ]
)
LEAVES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**63), 2**63 - 1),
    st.floats(),
    st.text(st.characters(exclude_categories=["Cs"])),
    st.sampled_from(["chat", "LLM", PARTS, "[[[", '{"id": 7}', "http://[", "9" * 30, "openai"]),
)
VALUES = st.recursive(LEAVES, lambda inner: st.lists(inner) | st.dictionaries(st.text("ab"), inner), max_leaves=5)
ATTRIBUTES = st.dictionaries(KEYS, VALUES, max_size=12)


@given(
    attributes=ATTRIBUTES,
    resource=ATTRIBUTES,
    events=st.lists(st.tuples(st.sampled_from(sorted(names.EVENTS)), ATTRIBUTES), max_size=3),
    content=st.sampled_from(["off", "masked", "full"]),
    changes=st.fixed_dictionaries(
        {},
        optional={
            "traceId": st.binary(max_size=17).map(bytes.hex),
            "startTimeUnixNano": st.integers(0, 2**64 - 1).map(str),
            "endTimeUnixNano": st.integers(0, 2**64 - 1).map(str),
            "status": st.fixed_dictionaries({"code": st.integers(0, 2)}),
        },
    ),
)
def test_every_span_is_stored_or_ignored_or_a_dead_letter(
    attributes: Any, resource: Any, events: Any, content: str, changes: Any
) -> None:
    request = a_request(a_span(attributes, **changes, events=events), resource=resource)
    found = otlp(content).read(in_protobuf(request), PROTOBUF)
    assert len(found) <= 1
    for event in found:
        batch = batch_of(event, days=700_000)
        assert len(batch.lines) + len(batch.dead_letters) == 1
        times = ("traceId", "startTimeUnixNano")
        is_much = any("_tokens" in letter.detail for letter in batch.dead_letters)
        assert batch.lines or is_much or any(name in changes for name in times), batch.dead_letters


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=6,
)
SHAPES = st.sampled_from(
    ["resourceSpans", "scopeSpans", "spans", "attributes", "events", "resource", "scope", "status"]
)


def _mutated(request: Any, name: str, value: Any) -> Any:
    """`request` with `value` at every key `name`."""
    if isinstance(request, dict):
        return {key: value if key == name else _mutated(item, name, value) for key, item in request.items()}
    return [_mutated(item, name, value) for item in request] if isinstance(request, list) else request


@given(
    SHAPES | st.sampled_from(["key", "value", "traceId", "name", "startTimeUnixNano", "stringValue", "code"]), ANYTHING
)
def test_json_of_any_shape_never_crashes(name: str, value: Any) -> None:
    span = a_chat(
        {"gen_ai.request.model": "gpt-5"}, status={"code": 2}, events=[("exception", {"exception.type": "X"})]
    )
    body = json.dumps(_mutated(a_request(span), name, value)).encode()
    try:
        events = otlp().read(body, JSON)
    except Unreadable:
        return
    for event in events:
        msgspec.json.decode(event)
        batch = batch_of(event)
        assert len(batch.lines) + len(batch.dead_letters) == 1
