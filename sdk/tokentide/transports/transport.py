"""What a transport is: the last step of an event on its way out of the process."""

from __future__ import annotations

# Looking up an address would import it on the worker's thread. A process that forks at that moment would leave the
# child with half a codec, so that nothing in it finds an address any more.
import encodings.idna  # noqa: F401
from collections.abc import Sequence
from typing import Final, Protocol

MAX_RECORDS: Final = 1_000
MAX_BYTES: Final = 1_000_000
THREAD_PREFIX: Final = "tokentide"


class TransportUnavailable(Exception):
    """The far side did not take the records: keep them, try again later, `retry_after_s` from now if it said so."""

    def __init__(self, reason: str, retry_after_s: float | None = None) -> None:
        super().__init__(reason)
        self.retry_after_s = retry_after_s


class TransportRejected(Exception):
    """The far side will never take these records as they are: send fewer at once, drop the one that stays refused."""


class Transport(Protocol):
    """One destination. Only one thread uses it at a time, and it connects when it first sends."""

    def send(self, records: Sequence[bytes], timeout_s: float) -> None:
        """Deliver the records in their order; when this returns, the far side has acknowledged every one of them.

        A call gets at most `MAX_RECORDS` records; they exceed `MAX_BYTES` by less than one record. It gives up after
        about `timeout_s` seconds. Raises TransportUnavailable or TransportRejected; some of the records may have
        arrived then.
        """

    def renewed(self) -> Transport:
        """A transport to the same destination for another thread; not connected yet."""

    def close(self) -> None:
        """Give up the connection without waiting; the next `send` connects again."""

    def forget(self) -> None:
        """Let go of a connection that belongs to the parent process, without touching it; for forked children."""
