"""Events to the HTTP intake: newline-separated JSON, compressed, over one connection that stays open."""

from __future__ import annotations

import gzip
import http.client
import os
from collections.abc import Mapping, Sequence
from typing import Final
from urllib.parse import urlsplit

from tokentide.config import Settings
from tokentide.transports.transport import TransportRejected, TransportUnavailable
from tokentide.version import VERSION

CONNECT_TIMEOUT_S: Final = 2.0
LONGEST_RETRY_AFTER_S: Final = 300.0
_REFUSED_FOR_GOOD: Final = (400, 413)
_COMPRESS_FROM_BYTES: Final = 1024


class HttpTransport:
    """POSTs to `{endpoint}/v1/events`. The hooks never touch the standard library's client: this is not recorded."""

    def __init__(self, settings: Settings) -> None:
        self._address = urlsplit(settings.endpoint)
        self._path = self._address.path + "/v1/events"
        self._headers = {"Content-Type": "application/x-ndjson", "User-Agent": f"tokentide/{VERSION}"}
        if settings.token:
            self._headers["Authorization"] = f"Bearer {settings.token}"
        self._connection = self._new_connection()

    def send(self, records: Sequence[bytes], timeout_s: float) -> None:
        """One request; see `Transport.send`."""
        body, headers = b"\n".join(records), dict(self._headers)
        if len(body) > _COMPRESS_FROM_BYTES:
            body, headers["Content-Encoding"] = gzip.compress(body, 1), "gzip"
        try:
            status, retry_after = self._post(body, headers, timeout_s)
        except (OSError, http.client.HTTPException) as error:
            self.close()
            raise TransportUnavailable(
                f"{self._address.netloc} does not answer: {error or type(error).__name__}"
            ) from error
        if status in _REFUSED_FOR_GOOD:
            raise TransportRejected(f"{self._address.netloc} answered {status}")
        if not 200 <= status < 300:
            raise TransportUnavailable(f"{self._address.netloc} answered {status}", _retry_after_s(retry_after))

    def close(self) -> None:
        """See `Transport.close`."""
        self._connection.close()

    def forget(self) -> None:
        """See `Transport.forget`."""
        inherited, self._connection = self._connection, self._new_connection()
        if inherited.sock is not None:
            # Its own close() may wait for a lock that a thread of the parent held.
            os.close(inherited.sock.detach())

    def _new_connection(self) -> http.client.HTTPConnection:
        secure = self._address.scheme == "https"
        kind = http.client.HTTPSConnection if secure else http.client.HTTPConnection
        return kind(self._address.hostname or "", self._address.port)

    def _post(self, body: bytes, headers: Mapping[str, str], timeout_s: float) -> tuple[int, str]:
        reused = self._connection.sock is not None
        try:
            return self._exchange(body, headers, timeout_s)
        except (ConnectionError, http.client.BadStatusLine):
            # The far side closes a connection that was idle for long: that says nothing about a new one.
            if not reused:
                raise
        self.close()
        return self._exchange(body, headers, timeout_s)

    def _exchange(self, body: bytes, headers: Mapping[str, str], timeout_s: float) -> tuple[int, str]:
        connection = self._connection
        if connection.sock is None:
            connection.timeout = min(CONNECT_TIMEOUT_S, timeout_s)
            connection.connect()
        connection.sock.settimeout(timeout_s)
        connection.request("POST", self._path, body, dict(headers))
        response = connection.getresponse()
        response.read()
        return response.status, response.headers.get("Retry-After", "")


def _retry_after_s(text: str) -> float | None:
    """The seconds that `Retry-After` asks for, five minutes at most; a date there is left to the emitter's back-off."""
    return min(float(text), LONGEST_RETRY_AFTER_S) if text.isdecimal() else None
