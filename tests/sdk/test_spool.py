from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

import pytest
from emitted import eventually, files, open_spool
from hypothesis import given, settings
from hypothesis import strategies as st
from tokentide import segment
from tokentide.config import load
from tokentide.spool import Spool, spool_folder

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


def drain(spool: Spool) -> list[bytes]:
    found = []
    while batch := spool.batch(1000, PLENTY):
        found += batch
        spool.acknowledge(len(batch))
    return found


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


def test_only_this_user_can_read_it(tmp_path: Path) -> None:
    folder = tmp_path / "a" / "b"
    open_spool(folder).append([b"secret"])
    assert folder.stat().st_mode & 0o777 == 0o700
    assert [path.stat().st_mode & 0o777 for path in files(folder)] == [0o600]


def test_a_folder_of_somebody_else_is_not_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    owner = os.geteuid()
    monkeypatch.setattr(os, "geteuid", lambda: owner + 1)
    assert open_spool(tmp_path).append([b"secret"]) == 0
    assert files(tmp_path) == []


def test_a_folder_that_others_may_write_to_is_closed_to_them(tmp_path: Path) -> None:
    tmp_path.chmod(0o777)
    assert open_spool(tmp_path).append([b"one"]) == 1
    assert tmp_path.stat().st_mode & 0o777 == 0o700


def test_what_others_have_put_in_the_place_of_a_segment_is_left_alone(tmp_path: Path) -> None:
    folder, precious = tmp_path / "spool", tmp_path / "precious"
    precious.write_bytes(b"precious\n" * 99)
    folder.mkdir()
    (folder / "00000000000000000001-1.segment").symlink_to(precious)
    os.mkfifo(folder / "00000000000000000002-1.segment")
    spool = open_spool(folder, 500)
    assert spool.append([b"one"]) == 1
    assert drain(spool) == [b"one"]
    assert precious.read_bytes() == b"precious\n" * 99


def test_a_segment_of_somebody_else_is_not_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spool = open_spool(tmp_path)
    spool.append([b"one"])
    spool.close()
    (path,) = files(tmp_path)
    owner = os.geteuid()
    monkeypatch.setattr(os, "geteuid", lambda: owner + 1)
    assert segment.Segment.open(path) is None


def test_a_link_to_a_folder_is_not_used(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "spool").symlink_to(tmp_path / "folder")
    assert open_spool(tmp_path / "spool").append([b"one"]) == 0
    assert files(tmp_path / "folder") == []


def test_a_folder_that_cannot_be_made_keeps_nothing_and_harms_nobody(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    spool = open_spool(tmp_path / "file" / "spool")
    assert spool.append([b"one"]) == 0
    assert spool.batch(10, PLENTY) == []


@pytest.mark.parametrize("damage", [b"", b"\xff" * 7, b"\xff" * 500, b"\0" * 500])
def test_damaged_segments_do_not_stand_in_the_way(tmp_path: Path, damage: bytes) -> None:
    (tmp_path / "00000000000000000001-1.segment").write_bytes(damage)
    (tmp_path / "00000000000000000002-1.segment").mkdir()
    spool = open_spool(tmp_path)
    spool.append([b"one"])
    assert drain(spool) == [b"one"]


def test_large_backlogs_take_several_segments(tmp_path: Path) -> None:
    spool = open_spool(tmp_path)
    for start in range(24):
        spool.append([bytes([start + 65]) * 1_000_000])
    assert len(files(tmp_path)) == 3
    assert [record[0] - 65 for record in drain(spool)] == list(range(24))


def test_every_destination_has_a_folder_of_its_own() -> None:
    here = load({}, endpoint="http://127.0.0.1:1")
    others = [load({}, endpoint="http://127.0.0.1:2"), replace(here, token="x"), replace(here, transport="kafka")]
    assert len({spool_folder(each) for each in [here, *others]}) == 4
    assert spool_folder(here) == spool_folder(replace(here, team="search"))


def test_a_full_disk_costs_no_files_and_no_descriptors(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(descriptor: int, data: bytes) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    before = len(os.listdir("/dev/fd"))
    with monkeypatch.context() as patched:
        patched.setattr(os, "write", full)
        spool = open_spool(tmp_path)
        assert [spool.append([b"one"]) for _ in range(5)] == [0] * 5
    assert files(tmp_path) == []
    assert len(os.listdir("/dev/fd")) == before
    assert spool.append([b"two"]) == 1


def test_a_new_segment_that_another_process_takes_is_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between making a segment and locking it, another process may look for something to replay."""
    real = segment._lock
    answers = iter([False])
    monkeypatch.setattr(segment, "_lock", lambda descriptor: next(answers, None) is None and real(descriptor))
    spool = open_spool(tmp_path)
    assert spool.append([b"one"]) == 1
    assert drain(spool) == [b"one"]


def test_a_disk_that_is_nearly_full_costs_one_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.write
    with monkeypatch.context() as patched:
        patched.setattr(os, "write", lambda descriptor, data: real(descriptor, data[:40]))
        spool = open_spool(tmp_path)
        assert [spool.append([b"one" * 30]) for _ in range(5)] == [0] * 5
        assert len(files(tmp_path)) == 1
        assert spool.append([b""]) == 1
    assert spool.append([b"two"]) == 1
    assert drain(spool) == [b"", b"two"]


def test_a_segment_that_somebody_deletes_is_read_but_not_written_to_any_more(tmp_path: Path) -> None:
    spool = open_spool(tmp_path)
    spool.append([b"deleted"])
    for path in files(tmp_path):
        path.unlink()
    assert spool.append([b"one"]) == 1
    assert len(files(tmp_path)) == 1
    assert drain(spool) == [b"deleted", b"one"]


def test_segments_become_too_old(tmp_path: Path) -> None:
    now = [1_000]
    spool = Spool(tmp_path, PLENTY, max_age_s=1.0, now_ns=lambda: now[0])
    spool.append([b"one"])
    now[0] += 10**9
    assert (spool.batch(10, PLENTY), spool.too_old()) == ([b"one"], False)
    now[0] += 1
    assert spool.too_old()


def test_a_damaged_record_costs_no_other(tmp_path: Path) -> None:
    spool = open_spool(tmp_path)
    spool.append([b"one", b"two", b"three"])
    (path,) = files(tmp_path)
    path.write_bytes(path.read_bytes().replace(b"two", b"\n2\n"))
    assert drain(spool) == [b"one", b"three"]
    assert spool.damaged == 1


def test_what_others_have_lost_is_not_counted(tmp_path: Path) -> None:
    theirs = open_spool(tmp_path)
    theirs.append([b"one", b"two"])
    theirs.close()
    (path,) = files(tmp_path)
    path.write_bytes(path.read_bytes()[:-3])
    spool = open_spool(tmp_path)
    assert drain(spool) == [b"one"]
    assert spool.damaged == 0


def test_a_segment_that_somebody_emptied_is_counted_and_not_written_to_any_more(tmp_path: Path) -> None:
    spool = open_spool(tmp_path)
    spool.append([b"one", b"two"])
    (path,) = files(tmp_path)
    os.truncate(path, 0)
    spool.append([b"three"])
    assert drain(spool) == [b"three"]
    assert spool.damaged == 2


def test_a_place_that_cannot_be_read_means_that_everything_comes_again(tmp_path: Path) -> None:
    spool = open_spool(tmp_path)
    spool.append([b"one", b"two"])
    spool.batch(1, PLENTY)
    spool.acknowledge(1)
    spool.close()
    (path,) = files(tmp_path)
    path.write_bytes(b"x" + path.read_bytes()[1:])
    assert drain(open_spool(tmp_path)) == [b"one", b"two"]


def test_a_file_system_without_locks_is_left_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*_: object) -> None:
        raise OSError(errno.ENOSYS, "flock is not there")

    monkeypatch.setattr("fcntl.flock", unknown)
    spool = open_spool(tmp_path)
    assert [spool.append([b"a"]) for _ in range(20)] == [0] * 20
    assert files(tmp_path) == []
