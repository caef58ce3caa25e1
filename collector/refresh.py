"""What a running collector looks up again every few seconds, because other programs may have changed it."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import Final

from store.errors import StoreError

log = logging.getLogger(__name__)

EVERY_S: Final = 10.0


def keep_fresh(refresh: Callable[[], None], what: str, stop: threading.Event, every_s: float = EVERY_S) -> None:
    """Call `refresh` every few seconds until `stop` is set. While the store is in trouble `what` stays as it was."""
    while not stop.wait(every_s):
        try:
            refresh()
        except StoreError as error:
            log.warning("%s are read again in %.0f s: %s", what, every_s, error.plain)
