"""The events of a stream are read in one go, at little cost to the app beside them."""

from __future__ import annotations

import gc

from tokentide.hooks._body import FRAMINGS, _Events, split_frames
from tokentide.hooks.openai import PROVIDER

CHAT = next(endpoint for endpoint in PROVIDER.endpoints if endpoint.operation == "chat")


def test_an_event_of_many_chunks_is_put_together_once() -> None:
    """An image in an event is megabytes long: to look at its start again with every chunk would take seconds."""
    looked_at = 0

    def counting(text: bytes) -> list[bytes]:
        nonlocal looked_at
        looked_at += len(text)
        return split_frames(text)

    framing = FRAMINGS["text/event-stream"]._replace(split=counting)
    whole = b'data: {"image": "' + b"x" * 100_000 + b'"}\n\ndata: [DONE]\n\n'
    chunks = [whole[start : start + 100] for start in range(0, len(whole), 100)]
    events = _Events(framing, chunks, b"", CHAT, everything=True)
    assert [event.get("type") for event in events] == [None, "[DONE]"]
    assert looked_at < 2 * len(whole)


def test_the_events_of_a_stream_are_not_all_in_memory_at_once() -> None:
    """Many objects at once set off the garbage collector, which costs the app's threads more than the reading does."""
    chunks = [b'data: {"choices": [{"index": 0, "delta": {"content": "a"}}]}\n\n'] * 1_000
    gc.collect()
    gc.disable()
    try:
        before, most = gc.get_count()[0], 0
        for _ in _Events(FRAMINGS["text/event-stream"], chunks, b"", CHAT, everything=True):
            most = max(most, gc.get_count()[0] - before)
    finally:
        gc.enable()
    assert most < 100
