"""The spool: every record once and in order, within its limits."""

from __future__ import annotations

import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from emitted import drain, eventually, files, open_spool
from hypothesis import given, settings
from hypothesis import strategies as st
from tokentide import segment
from tokentide.spool import Spool

PLENTY = 1 << 40

records = st.lists(st.binary(max_size=40).map(lambda record: record.replace(b"\n", b" ")), min_size=1, max_size=5)
operations = st.lists(
    st.one_of(
        st.tuples(st.just("append"), records),
        st.tuples(st.just("replay"), st.tuples(st.integers(1, 6), st.integers(1, 80), st.integers(0, 6))),
        st.tuples(st.just("crash"), st.integers(0, 50)),
    ),
    max_size=25,
)


def tear(folder: Path, length: int) -> None:
    """Leave the first bytes of one more record, as a process does that is killed while it writes."""
    if segments := sorted(folder.glob("*.segment")):
        with segments[-1].open("ab") as segment:
            segment.write((b"\0\0\0\x32\1\2\3\4" + b"x" * 50)[:length])


@settings(max_examples=200, deadline=None)
@given(operations)
def test_each_record_comes_once_and_in_order_whatever_happened(steps: list[tuple[str, object]]) -> None:
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "spool"
        spool, waiting = open_spool(folder), []
        for step, argument in steps:
            if step == "append":
                assert spool.append(argument) == len(argument)
                waiting += argument
            elif step == "crash":
                spool.close()
                tear(folder, argument)
                spool = open_spool(folder)
            else:
                most, size, arrived = argument
                batch = spool.batch(most, size)
                assert batch == waiting[: len(batch)]
                assert bool(batch) == bool(waiting)
                arrived = min(arrived, len(batch))
                spool.acknowledge(arrived)
                del waiting[:arrived]
        assert drain(spool) == waiting
        assert files(folder) == []


def test_a_batch_is_bounded_but_never_empty(tmp_path: Path) -> None:
    spool = open_spool(tmp_path)
    spool.append([b"a" * 100, b"b" * 10, b"c" * 10, b"d" * 10])
    assert spool.batch(2, 50) == [b"a" * 100]
    spool.acknowledge(1)
    assert spool.batch(2, 50) == [b"b" * 10, b"c" * 10]


def test_two_live_users_of_a_folder_never_replay_the_same_segment(tmp_path: Path) -> None:
    first, second = open_spool(tmp_path), open_spool(tmp_path)
    first.append([b"one"])
    assert second.batch(10, PLENTY) == []
    assert first.batch(10, PLENTY) == [b"one"]
    assert second.batch(10, PLENTY) == []
    first.close()
    assert second.batch(10, PLENTY) == [b"one"]


def test_what_a_killed_process_left_is_adopted(tmp_path: Path) -> None:
    program = (
        "import sys, time; from pathlib import Path; from tokentide.spool import Spool\n"
        "spool = Spool(Path(sys.argv[1]), 1 << 40, 1e9); spool.append([b'one', b'two']); print(flush=True); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", program, str(tmp_path)], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        spool = open_spool(tmp_path)
        assert spool.batch(10, PLENTY) == []
        process.send_signal(signal.SIGKILL)
        process.wait()
    eventually(lambda: spool.batch(10, PLENTY) == [b"one", b"two"])


def test_the_folder_takes_no_more_than_its_limit(tmp_path: Path) -> None:
    spool = open_spool(tmp_path, 120)
    assert spool.append([b"x" * 30] * 5) == 2
    assert spool.append([b"x" * 30]) == 0
    assert sum(path.stat().st_size for path in files(tmp_path)) <= 120
    assert len(drain(spool)) == 2
    assert spool.append([b"x" * 30]) == 1


def test_large_backlogs_take_several_segments(tmp_path: Path) -> None:
    spool = open_spool(tmp_path)
    for start in range(24):
        spool.append([bytes([start + 65]) * 1_000_000])
    assert len(files(tmp_path)) == 3
    assert [record[0] - 65 for record in drain(spool)] == list(range(24))


def test_a_new_segment_that_another_process_takes_is_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between making a segment and locking it, another process may look for something to replay."""
    real = segment._lock
    answers = iter([False])
    monkeypatch.setattr(segment, "_lock", lambda descriptor: next(answers, None) is None and real(descriptor))
    spool = open_spool(tmp_path)
    assert spool.append([b"one"]) == 1
    assert drain(spool) == [b"one"]


def test_segments_become_too_old(tmp_path: Path) -> None:
    now = [1_000]
    spool = Spool(tmp_path, PLENTY, max_age_s=1.0, now_ns=lambda: now[0])
    spool.append([b"one"])
    now[0] += 10**9
    assert (spool.batch(10, PLENTY), spool.too_old()) == ([b"one"], False)
    now[0] += 1
    assert spool.too_old()
