"""However often an import is interrupted, in the end everything is as after an import in one go."""

from __future__ import annotations

import contextlib
import gzip
import json
from collections.abc import Callable
from datetime import datetime, timezone
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st
from memory_import import Cut, Memory, a_generation, run

from server import import_command
from server.import_options import ImportOptions

UNTIL = datetime(2026, 11, 20, tzinfo=timezone.utc)
PACKED: dict[str, Callable[[bytes], bytes]] = {"": bytes, ".gz": gzip.compress, ".zst": zstandard.compress}


def a_result(number: int) -> dict[str, Any]:
    """Results become one row for each 200,000 tokens: this one up to 12."""
    counts = {"input_tokens": 150_000 * (number % 17), "num_model_requests": 12}
    result = {"object": "organization.usage.completions.result", "model": f"gpt-{number}", **counts}
    return {"start_time": 1_795_000_000, "end_time": 1_795_003_600 + 10**6 * (number % 5 == 0), "results": [result]}


MADE: dict[Any, Callable[[int], Any]] = {
    "jsonl": lambda number: {"seq": number},
    "litellm": lambda number: {"id": f"r{number}", "startTime": 1_795_000_000 + number, "call_type": "acompletion"},
    "langfuse": a_generation,
    "openai-usage": a_result,
}
ODD: dict[Any, list[Any]] = {
    "jsonl": [b"nonsense", {}],
    "litellm": [{"id": "x"}, {"id": "x", "startTime": 5, "call_type": "afile_list"}, 7],
    "langfuse": [{**a_generation(0), "type": "SPAN"}, {**a_generation(0), "type": "\ud800"}, {}, b"nonsense"],
    "openai-usage": [{"object": "costs"}, {"data": []}, b"nonsense"],
}


@st.composite
def files(draw: Callable[..., Any]) -> tuple[Any, bytes, str]:
    """A kind, the bytes of a file of it, and how its name ends."""
    kind = draw(st.sampled_from(sorted(MADE)))
    numbers = draw(st.lists(st.integers(0, 50), max_size=30))
    records = [MADE[kind](number) if number < 42 else ODD[kind][number % len(ODD[kind])] for number in numbers]
    written = [record if isinstance(record, bytes) else json.dumps(record).encode() for record in records]
    valid = [one for one in written if one != b"nonsense"]
    form = draw(st.sampled_from(["lines"] if kind == "jsonl" else ["lines", "array", "pages"]))
    body = b"\n".join(written)
    if form == "array":
        body = b"[" + b",\n".join(valid) + b"]"
    elif form == "pages" and kind != "litellm":
        body = b"\n".join(b'{"data": [%b]}' % b",".join(valid[at : at + 4]) for at in range(0, len(valid), 4))
    return kind, body, draw(st.sampled_from(sorted(PACKED)))


@settings(max_examples=150)
@given(files(), st.integers(1, 7), st.lists(st.integers(0, 4), max_size=6))
def test_an_import_in_pieces_is_an_import_in_one_go(file: tuple[Any, bytes, str], size: int, cuts: list[int]):
    kind, body, ending = file
    with TemporaryDirectory() as name, pytest.MonkeyPatch.context() as patch:
        patch.setattr(import_command, "_MOST_EVENTS", size)
        path, positions = Path(name) / f"records{ending}", Path(name) / "positions"
        path.write_bytes(PACKED[ending](body))
        options = ImportOptions(str(path), kind, until=UNTIL if kind == "openai-usage" else None)
        whole = Memory()
        expected = run(whole, options, None)
        taken, places, said = in_pieces(options, positions, cuts)
        assert taken == whole.taken
        assert places == whole.places == list(range(len(taken)))
        assert [line for line in said if "before" not in line] == expected
        assert list(positions.glob("*")) == []


def in_pieces(options: ImportOptions, positions: Path, cuts: list[int]) -> tuple[list[bytes], list[int], list[str]]:
    """What is taken by an import that is cut off after so many batches each time, and what is said at its end."""
    taken, places = [], []
    for batches in [*cuts, 1_000_000]:
        target = Memory(batches)
        said = None
        with contextlib.suppress(Cut):
            said = run(target, options, positions)
        taken, places = taken + target.taken, places + target.places
        if said is not None:
            return taken, places, said
    raise AssertionError("it has no end")
