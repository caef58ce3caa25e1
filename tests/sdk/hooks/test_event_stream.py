"""Amazon's event stream: messages are found wherever the bytes begin and however they come."""

from __future__ import annotations

from itertools import pairwise

from bedrock_server import chunk, event, exception, message
from botocore.eventstream import EventStreamBuffer
from hypothesis import given
from hypothesis import strategies as st
from tokentide.hooks._event_stream import message_event, split_messages

MESSAGES = [
    event("messageStart", {"role": "assistant"}),
    event("contentBlockDelta", {"delta": {"text": "ü" * 300}, "contentBlockIndex": 0}),
    chunk({"type": "message_stop"}),
    exception("throttlingException", "Slower, please."),
]


def fed(pieces: list[bytes]) -> list[bytes]:
    """What comes of the messages when they arrive in pieces."""
    found, rest = [], b""
    for piece in pieces:
        *whole, rest = split_messages(rest + piece)
        found += whole
    return [*found, rest]


@given(st.lists(st.integers(0, sum(map(len, MESSAGES))), max_size=8))
def test_messages_are_the_same_however_they_are_cut(cuts: list[int]) -> None:
    whole = b"".join(MESSAGES)
    edges = [0, *sorted(cuts), len(whole)]
    assert fed([whole[start:end] for start, end in pairwise(edges)]) == [*MESSAGES, b""]


@given(st.integers(1, len(MESSAGES[0]) + len(MESSAGES[1]) - 1))
def test_what_begins_in_the_middle_of_a_message_is_read_from_the_next_one_on(start: int) -> None:
    events = [message_event(frame) for frame in split_messages(b"".join(MESSAGES)[start:])]
    assert events[-3:-1] == [message_event(MESSAGES[2]), message_event(MESSAGES[3])]


@given(st.binary(max_size=200), st.lists(st.binary(max_size=40), max_size=4))
def test_nothing_raises_and_nothing_is_lost_whatever_comes(garbage: bytes, pieces: list[bytes]) -> None:
    found = fed([MESSAGES[0], garbage, *pieces])
    assert b"".join(found) == MESSAGES[0] + garbage + b"".join(pieces)
    assert message_event(found[0]) == {"messageStart": {"role": "assistant", "p": "abcdefgh"}}


@given(st.integers(0, len(MESSAGES[1]) - 1), st.integers(1, 255))
def test_a_damaged_message_says_nothing(place: int, change: int) -> None:
    damaged = bytearray(MESSAGES[1])
    damaged[place] ^= change
    assert message_event(bytes(damaged)) is None


def test_a_chunk_is_the_model_s_own_event() -> None:
    assert message_event(MESSAGES[2]) == {"type": "message_stop"}


def test_an_exception_is_an_error_event() -> None:
    error = {"type": "throttlingException", "message": "Slower, please."}
    assert message_event(MESSAGES[3]) == {"type": "error", "error": error}


def test_an_error_message_says_its_code_in_the_headers() -> None:
    headers = {":message-type": "error", ":error-code": "InternalFailure", ":error-message": "No."}
    error = {"type": "InternalFailure", "message": "No."}
    assert message_event(message(headers, {})) == {"type": "error", "error": error}


def test_botocore_reads_the_same_messages() -> None:
    buffer = EventStreamBuffer()
    buffer.add_data(b"".join(MESSAGES))
    kinds = [read.headers.get(":event-type") for read in buffer]
    assert kinds == ["messageStart", "contentBlockDelta", "chunk", None]
