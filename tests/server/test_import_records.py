"""The records of a file, however it is written, packed or broken."""

from __future__ import annotations

import gzip
import io
import json
from pathlib import Path
from typing import Any

import pytest
import zstandard
from any_json import ANY_JSON
from hypothesis import given
from hypothesis import strategies as st

from server import import_records
from server.import_records import FileProblem, Piece, lines, opened, values


def read(written: bytes | str) -> list[tuple[int, Any]]:
    body = written.encode() if isinstance(written, str) else written
    return [(piece.line, piece.problem or piece.value) for piece in values(io.BytesIO(body))]


RECORDS = [{"a": "}]["}, {"b": [1, {"c": '\\"'}]}, {"d": "é"}]
FORMS = {
    "lines": "\n".join(map(json.dumps, RECORDS)),
    "lines with a mark": "\ufeff" + "\n\n".join(json.dumps(record, ensure_ascii=False) for record in RECORDS) + "\r\n",
    "an array": json.dumps(RECORDS),
    "an array over many lines": json.dumps(RECORDS, indent=2),
    "a line for each array": "\n".join(json.dumps([record]) for record in RECORDS),
    "objects over many lines": "\n".join(json.dumps(record, indent=2) for record in RECORDS),
}


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
@pytest.mark.parametrize("chunk", [40, 41, 42, 2**20])
def test_the_records_are_found_in_every_form(form: str, chunk: int, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(import_records, "_CHUNK", chunk)
    assert [value for _, value in read(form)] == RECORDS


def test_each_record_is_on_its_line():
    assert read('{"a": 1}\n\nnonsense\n{"b": 2}') == [
        (1, {"a": 1}),
        (3, "not JSON: Expecting value"),
        (4, {"b": 2}),
    ]
    assert read('[\n{"a":\n1},\n\n{"b": 2}\n]') == [(2, {"a": 1}), (5, {"b": 2})]


@pytest.mark.parametrize(
    ("written", "problem"),
    [
        ('[{"a": 1}, {"b": ', "not JSON: Expecting value"),
        ('[{"a": 1},', "the array has no end: the file is cut off"),
        ('[{"a": 1}, nonsense]', "not JSON: Expecting value"),
        ("[" + '{"a": 1},' + '{"a":' * 100_000, "nested too deeply"),
    ],
)
def test_what_breaks_off_is_said_and_what_came_before_it_counts(written: str, problem: str):
    assert read(written) == [(1, {"a": 1}), (1, problem)]


@pytest.mark.parametrize("written", ["", "\n\n", "[]", " [ ] "])
def test_an_empty_file_has_no_records(written: str):
    assert read(written) == []


def test_a_line_without_an_end_is_not_read_into_memory(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(import_records, "_LONGEST", 1000)
    monkeypatch.setattr(import_records, "_CHUNK", 100)
    with pytest.raises(FileProblem, match="line 2 is longer"):
        list(lines(io.BytesIO(b"{}\n" + b"x" * 10_000)))


LINES = b"".join(b'{"n": %d}\n' % n for n in range(1000))


@pytest.mark.parametrize(
    ("name", "packed"),
    [
        ("plain.jsonl", LINES),
        ("one.jsonl.gz", gzip.compress(LINES)),
        ("two.jsonl.gz", gzip.compress(LINES[:500]) + gzip.compress(LINES[500:])),
        ("one.jsonl.zst", zstandard.compress(LINES)),
        ("two.jsonl.zst", zstandard.compress(LINES[:500]) + zstandard.compress(LINES[500:])),
    ],
)
def test_a_packed_file_is_unpacked(tmp_path: Path, name: str, packed: bytes):
    (tmp_path / name).write_bytes(packed)
    with opened(str(tmp_path / name)) as stream:
        found = list(lines(stream))
    assert [piece.line for piece in found] == list(range(1, 1001))
    assert found[-1] == Piece(1000, b'{"n": 999}')


@pytest.mark.parametrize(
    ("name", "body"),
    [
        ("cut.gz", gzip.compress(LINES)[:-20]),
        ("cut.zst", zstandard.compress(LINES)[:-20]),
        ("plain.gz", LINES),
        ("plain.zst", LINES),
    ],
)
def test_a_file_that_cannot_be_unpacked_to_its_end_is_a_problem(tmp_path: Path, name: str, body: bytes):
    (tmp_path / name).write_bytes(body)
    with pytest.raises(FileProblem, match="cannot be read to its end"), opened(str(tmp_path / name)) as stream:
        list(lines(stream))


def test_a_file_that_is_not_there_is_a_problem(tmp_path: Path):
    with pytest.raises(FileProblem, match="No such file"), opened(str(tmp_path / "missing.jsonl")):
        pass


@given(st.lists(st.dictionaries(st.text(), ANY_JSON, max_size=3), max_size=4), st.sampled_from([None, 0, 3]))
def test_what_is_written_is_read(records: list[Any], indent: int | None):
    array = json.dumps(records, indent=indent)
    assert json.dumps([value for _, value in read(array)]) == json.dumps(records)
    one_a_line = "\n".join(map(json.dumps, records))
    assert json.dumps([value for _, value in read(one_a_line)]) == json.dumps(records)


@given(st.binary() | st.text(alphabet='[]{}",:\\ \n1a').map(str.encode))
def test_any_bytes_are_read_to_their_end(body: bytes):
    assert all(line >= 1 for line, _ in read(body))
