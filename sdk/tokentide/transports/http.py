"""Events to the HTTP intake: newline-separated JSON, compressed, over one connection that stays open."""

from __future__ import annotations

import gzip
import http.client
import io
import os
import selectors
import socket
import ssl
import time
from collections.abc import Mapping, Sequence
from typing import Any, Final
from urllib.parse import urlsplit

from tokentide.config import Settings
from tokentide.transports.transport import TransportRejected, TransportUnavailable
from tokentide.version import VERSION

CONNECT_TIMEOUT_S: Final = 2.0
LONGEST_RETRY_AFTER_S: Final = 300.0
_COMPRESS_FROM_BYTES: Final = 1024
_LONGEST_ANSWER_BYTES: Final = 64 * 1024
_SHOWN_BYTES: Final = 200
_PORTS: Final = {"http": 80, "https": 443}


class HttpTransport:
    """POSTs to `{endpoint}/v1/events`. The hooks never touch the standard library's client: this is not recorded."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._address = urlsplit(settings.endpoint)
        self._path = self._address.path + "/v1/events"
        self._headers: dict[str, str | bytes] = {
            "Content-Type": "application/x-ndjson",
            "User-Agent": f"tokentide/{VERSION}",
        }
        if settings.token:
            self._headers["Authorization"] = f"Bearer {settings.token}".encode()
        self._connection: http.client.HTTPConnection | None = None
        self.answered = ""  # status and body of the last answer, for people

    def send(self, records: Sequence[bytes], timeout_s: float) -> None:
        """One request; see `Transport.send`."""
        body, headers = b"\n".join(records), dict(self._headers)
        if len(body) > _COMPRESS_FROM_BYTES:
            body, headers["Content-Encoding"] = gzip.compress(body, 1), "gzip"
        try:
            status, answer = self._post(body, headers, timeout_s)
        except (OSError, http.client.HTTPException) as error:
            self.close()
            raise TransportUnavailable(
                f"{self._address.netloc} does not answer: {error or type(error).__name__}"
            ) from error
        # Some other server, or a proxy, at that address may say 200 or 400 to whatever it is asked.
        is_intake = answer.get_content_type() == "application/json"
        said = f"{self._address.netloc} answered {status}{'' if is_intake else ', but not as an intake does'}"
        if status == 413 or (status == 400 and is_intake):
            raise TransportRejected(said)
        if not (200 <= status < 300 and is_intake):
            raise TransportUnavailable(said, _retry_after_s(answer.get("Retry-After", "")))

    def renewed(self) -> HttpTransport:
        """See `Transport.renewed`."""
        return HttpTransport(self._settings)

    def close(self) -> None:
        """See `Transport.close`."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def forget(self) -> None:
        """See `Transport.forget`."""
        inherited, self._connection = self._connection, None
        if inherited is not None and inherited.sock is not None:
            # Its own close() may wait for a lock that a thread of the parent held. Without a descriptor it was just
            # being handed to a TLS connection.
            descriptor = inherited.sock.detach()
            if descriptor >= 0:
                os.close(descriptor)

    def _new_connection(self) -> http.client.HTTPConnection:
        # Without a port, the library would look for one in the host, and find it in an IPv6 address.
        host, port = self._address.hostname or "", self._address.port or _PORTS[self._address.scheme]
        if self._address.scheme == "http":
            return http.client.HTTPConnection(host, port)
        # Its own setting: what the environment says of issuers would count for the app's other connections as well.
        trusted = self._settings.ca_file
        return http.client.HTTPSConnection(
            host, port, context=ssl.create_default_context(cafile=trusted) if trusted else None
        )

    def _post(
        self, body: bytes, headers: Mapping[str, str | bytes], timeout_s: float
    ) -> tuple[int, http.client.HTTPMessage]:
        if self._connection is not None and not self._is_quiet(self._connection.sock):
            self.close()
        reused = self._connection is not None
        try:
            return self._exchange(body, headers, timeout_s)
        except (ConnectionError, http.client.BadStatusLine):
            # The far side closes a connection that was idle for long: that says nothing about a new one.
            if not reused:
                raise
        self.close()
        return self._exchange(body, headers, timeout_s)

    def _is_quiet(self, sock: socket.socket) -> bool:
        """Whether nothing waits to be read: it would be taken for the next answer. TLS has things of its own to say."""
        if self._address.scheme == "https":
            return True
        with selectors.DefaultSelector() as selector:
            selector.register(sock, selectors.EVENT_READ)
            return not selector.select(0)

    def _exchange(
        self, body: bytes, headers: Mapping[str, str | bytes], timeout_s: float
    ) -> tuple[int, http.client.HTTPMessage]:
        give_up = time.monotonic() + timeout_s
        connection = self._connection
        if connection is None:
            self._connection = connection = self._new_connection()
            connection.timeout = min(CONNECT_TIMEOUT_S, timeout_s)
            connection.connect()
        connection.sock.settimeout(timeout_s)
        connection.response_class = lambda sock, **more: http.client.HTTPResponse(  # type: ignore[assignment]  # it is only called
            _Until(give_up, sock),  # type: ignore[arg-type]  # only `makefile` is asked for
            **more,
        )
        connection.request("POST", self._path, body, dict(headers))
        response = connection.getresponse()
        with response:
            if len(content := response.read(_LONGEST_ANSWER_BYTES)) == _LONGEST_ANSWER_BYTES:
                raise http.client.HTTPException("its answer has no end")
        self.answered = f"{response.status} {content[:_SHOWN_BYTES].decode('utf-8', 'replace')}".strip()
        return response.status, response.headers


class _Until(io.RawIOBase):
    """What a socket receives until an instant. The socket's own time-out would begin anew with every byte."""

    def __init__(self, give_up: float, connected: socket.socket) -> None:
        self._give_up, self._socket = give_up, connected
        self._received = connected.makefile("rb", buffering=0)

    def makefile(self, mode: str) -> io.BufferedReader:
        """What the HTTP library reads from."""
        return io.BufferedReader(self)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        left_s = self._give_up - time.monotonic()
        if left_s <= 0:
            raise TimeoutError("its answer takes too long")
        self._socket.settimeout(left_s)
        return self._received.readinto(buffer)

    def close(self) -> None:
        self._received.close()
        super().close()


def _retry_after_s(text: str) -> float | None:
    """The seconds that `Retry-After` asks for, five minutes at most; a date there is left to the emitter's back-off."""
    return min(float(text), LONGEST_RETRY_AFTER_S) if text.isdecimal() else None
