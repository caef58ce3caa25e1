"""What becomes of the emitters where a process ends, and where it forks."""

from __future__ import annotations

import atexit
import logging
import os
import sys
import time
import weakref
from collections.abc import Callable
from typing import Final, Protocol

EXIT_S: Final = 2.0
LATE_S: Final = 0.4  # of these two seconds, for what is emitted while the process ends

_logger = logging.getLogger("tokentide")


class Ending(Protocol):
    """An emitter, as it is seen from here."""

    before_exit: Callable[[], object]

    def close(self, timeout: float) -> None:
        """Deliver or spool what is left."""

    def start_over_in_child(self) -> None:
        """Leave what is left to the parent."""


_emitters: weakref.WeakSet[Ending] = weakref.WeakSet()
threads_may_start = True


def register(emitter: Ending) -> None:
    """Sees to the emitter for as long as there is one."""
    _emitters.add(emitter)


def close_with_multiprocessing() -> None:
    """Close at the end of a child of `multiprocessing` too: where it forks, such a process skips `atexit`."""
    process, finalizers = sys.modules.get("multiprocessing.process"), sys.modules.get("multiprocessing.util")
    if process and finalizers and process.parent_process() is not None:
        finalizers.Finalize(None, _finish_all, exitpriority=0)


def _close_all(timeout_s: float) -> None:
    give_up = time.monotonic() + timeout_s
    for emitter in list(_emitters):
        emitter.close(max(0.0, give_up - time.monotonic()))


def _finish_all(timeout_s: float = EXIT_S) -> None:
    for emitter in list(_emitters):
        try:
            emitter.before_exit()
        except Exception:
            _logger.debug("what was to be done before the exit failed", exc_info=True)
    _close_all(timeout_s)


def _close_for_good() -> None:
    """At the end of the process. Later events, of what other modules do at exit, go to the spool without a thread.

    A thread that is started while the interpreter shuts down never runs, and whoever starts it waits for ever. Streams
    that are opened so late and then forgotten cannot be read any more.
    """
    global threads_may_start
    _finish_all(EXIT_S - LATE_S)
    # Threads of the app that run on may have started another producer meanwhile.
    threads_may_start = False
    _close_all(LATE_S)


def _start_over_in_child() -> None:
    for emitter in list(_emitters):
        emitter.start_over_in_child()


atexit.register(_close_for_good)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_start_over_in_child)
