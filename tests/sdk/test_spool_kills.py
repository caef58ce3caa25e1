"""The spool under `kill -9`, torn and damaged files, and many processes: what it took is there, in order, and no more."""

from __future__ import annotations

import itertools
import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from unittest.mock import patch

from emitted import eventually, files, open_spool
from hypothesis import given, settings
from hypothesis import strategies as st
from tokentide import segment

SMALL = 2_000
PLENTY = 1 << 40

WRITER = """
import os, random, sys
from pathlib import Path
from tokentide import segment
from tokentide.spool import Spool

segment.FULL_BYTES = 2_000
folder, name, seed, replays = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), sys.argv[4] == "replays"
chance, spool, number = random.Random(seed), Spool(folder, 1 << 40, 1e9), 0
while True:
    records = [f"{name} {number + more} {'x' * chance.randrange(300)}".encode() for more in range(chance.randint(1, 9))]
    assert spool.append(records) == len(records)
    number += len(records)
    os.write(1, f"kept {number}\\n".encode())
    if replays and (batch := spool.batch(chance.randint(1, 12), 1_500)):
        os.write(1, b"".join(b"sent " + record + b"\\n" for record in batch))
        spool.acknowledge(len(batch))
"""


class Writer:
    """A process that spools for ever, what it says it has kept and, if it replays, what it says it has sent."""

    def __init__(self, folder: Path, name: str, seed: int, *, replays: bool = False) -> None:
        self.name, self.kept, self.sent = name, 0, list[str]()
        arguments = [str(folder), name, str(seed), "replays" if replays else ""]
        self._process = subprocess.Popen([sys.executable, "-c", WRITER, *arguments], stdout=subprocess.PIPE)
        self._listener = threading.Thread(target=self._listen)
        self._listener.start()

    def _listen(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            word, said = line.decode().rstrip("\n").split(" ", 1)
            if word == "kept":
                self.kept = int(said)
            else:
                self.sent.append(said)

    def kill(self) -> None:
        self._process.send_signal(signal.SIGKILL)
        self._process.wait()
        self._listener.join()
        assert self._process.stdout is not None
        self._process.stdout.close()


def drained(folder: Path) -> list[str]:
    spool, found = open_spool(folder), list[bytes]()
    while batch := spool.batch(100, PLENTY):
        found += batch
        spool.acknowledge(len(batch))
    return [record.decode() for record in found]


def numbers(records: Iterable[str]) -> list[int]:
    return [int(record.split(" ")[1]) for record in records]


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 1 << 30), enough=st.integers(1, 3_000))
def test_what_was_kept_before_a_kill_comes_in_order_and_nothing_else(seed: int, enough: int) -> None:
    with tempfile.TemporaryDirectory() as place:
        writer = Writer(Path(place), "a", seed)
        eventually(lambda: writer.kept >= enough)
        writer.kill()
        found = numbers(drained(Path(place)))
        assert len(found) >= writer.kept
        assert found == list(range(len(found)))
        assert files(Path(place)) == []


@settings(max_examples=5, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 1 << 30), st.integers(1, 500)), min_size=2, max_size=5))
def test_processes_that_share_a_folder_and_are_killed_send_everything_that_one_of_them_kept(
    lives: list[tuple[int, int]],
) -> None:
    with tempfile.TemporaryDirectory() as place:
        writers = [Writer(Path(place), str(number), seed, replays=True) for number, (seed, _) in enumerate(lives)]
        for writer, (_, enough) in zip(writers, lives, strict=True):
            eventually(lambda writer=writer, enough=enough: writer.kept >= enough)
            writer.kill()
        sent = Counter(itertools.chain(*(writer.sent for writer in writers), drained(Path(place))))
        for writer in writers:
            kept = sorted(numbers(record for record in sent if record.split(" ")[0] == writer.name))
            assert len(kept) >= writer.kept
            assert kept == list(range(len(kept)))
        # Sent again: at most the batch that each was at when it was killed.
        assert sum(sent.values()) - len(sent) <= 12 * len(writers)


@contextmanager
def small_segments() -> Iterator[None]:
    with patch.object(segment, "FULL_BYTES", SMALL):
        yield


def whole_lines(before: bytes, after: bytes) -> list[bytes]:
    """The records whose line, and the line break before it, are as they were."""
    start, whole = segment.START_BYTES, []
    for end in itertools.accumulate(map(len, before[start:].splitlines(keepends=True)), initial=start):
        if end > start:
            first = start if start == segment.START_BYTES else start - 1
            if after[first:end] == before[first:end]:
                whole.append(before[start + 9 : end - 1])
            start = end
    return whole


damages = st.lists(st.tuples(st.integers(0, 1 << 20), st.binary(min_size=1, max_size=4)), max_size=8)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.integers(0, 300), min_size=1, max_size=60), damages, st.integers(0, 1 << 20))
def test_damage_costs_only_the_records_that_it_hits(
    sizes: list[int], damages: list[tuple[int, bytes]], cut: int
) -> None:
    with tempfile.TemporaryDirectory() as place, small_segments():
        spool = open_spool(Path(place))
        for number, size in enumerate(sizes):
            spool.append([f"a {number} {'x' * size}".encode()])
        spool.close()
        paths = sorted(files(Path(place)))
        contents = [path.read_bytes() for path in paths]
        starts = [0, *itertools.accumulate(map(len, contents))]
        spoilt = bytearray(b"".join(contents))
        for at, new in damages:
            at %= len(spoilt)
            spoilt[at : at + len(new)] = new[: len(spoilt) - at]
        expected = []
        for path, before, start, end in zip(paths, contents, starts, starts[1:], strict=False):
            after = bytes(spoilt[start:end])
            if path == paths[-1]:
                after = after[: cut % (len(after) + 1)]
            path.write_bytes(after)
            expected += whole_lines(before, after)
        assert drained(Path(place)) == [record.decode() for record in expected]
        assert files(Path(place)) == []


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(0, 40), min_size=1, max_size=60), st.integers(0, 1 << 20))
def test_a_write_that_a_kill_tears_costs_nothing_that_was_kept(sizes: list[int], cut: int) -> None:
    """The last bytes of a segment are missing, anywhere in what was being added when the process died."""
    with tempfile.TemporaryDirectory() as place:
        spool = open_spool(Path(place))
        spool.append([b"a %d" % number for number in range(len(sizes))])
        (path,) = files(Path(place))
        kept = path.stat().st_size
        spool.append([b"b %d " % number + b"x" * size for number, size in enumerate(sizes)])
        spool.close()
        torn = kept + cut % (path.stat().st_size - kept)
        os.truncate(path, torn)
        found = drained(Path(place))
        assert found[: len(sizes)] == [f"a {number}" for number in range(len(sizes))]
        more = found[len(sizes) :]
        assert [record.split(" ")[:2] for record in more] == [["b", str(number)] for number in range(len(more))]


def test_users_that_replay_one_backlog_never_send_a_record_twice(tmp_path: Path) -> None:
    with small_segments():
        spool = open_spool(tmp_path)
        for number in range(400):
            spool.append([b"a %d" % number + b" " * 100])
        spool.close()
        spools, found = [open_spool(tmp_path) for _ in range(4)], list[bytes]()
        for each in itertools.cycle(spools):
            batch = each.batch(7, PLENTY)
            if not batch:
                break
            found += batch
            each.acknowledge(len(batch))
        for each in spools:
            each.close()
        found += [record.encode() for record in drained(tmp_path)]
    assert sorted(numbers(record.decode() for record in found)) == list(range(400))
