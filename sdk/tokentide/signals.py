"""Tells an exception that a signal handler of the app has raised from a failure of the code that it interrupted."""

from __future__ import annotations

import signal


def came_from_a_signal(error: Exception) -> bool:
    """Whether a signal handler of the app has raised it."""
    traceback = error.__traceback__
    handlers = {getattr(signal.getsignal(number), "__code__", None) for number in signal.valid_signals()} - {None}
    while handlers and traceback is not None:
        if traceback.tb_frame.f_code in handlers:
            return True
        traceback = traceback.tb_next
    return False
