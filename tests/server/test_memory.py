"""What threads have freed does not stay with each of them."""

from __future__ import annotations

import platform
import subprocess
import sys

import pytest

PROGRAM = """
import ctypes, sys, threading
from server.memory import give_back_freed_memory
if sys.argv[1] == "set":
    assert give_back_freed_memory()
barrier = threading.Barrier(12)
def allocate():
    barrier.wait()
    kept = [bytes(1000) for _ in range(2000)]
    barrier.wait()
threads = [threading.Thread(target=allocate) for _ in range(12)]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
library = ctypes.CDLL(None)
library.fdopen.restype = ctypes.c_void_p
library.malloc_info(0, ctypes.c_void_p(library.fdopen(1, b"w")))
library.fflush(None)
"""


def arenas(choice: str) -> int:
    done = subprocess.run([sys.executable, "-c", PROGRAM, choice], capture_output=True, text=True, check=True)
    return done.stdout.count("<heap nr=")


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="there is no glibc here, whose malloc this is about")
def test_threads_share_two_arenas() -> None:
    assert arenas("unset") > 2
    assert arenas("set") <= 2
