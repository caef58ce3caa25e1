"""Events to Apache Kafka, one record each, through kafka-python.

That library blocks for seconds when no broker answers, so everything here happens on the emitter's worker thread.
"""

from __future__ import annotations

import importlib.util
import logging
import os
import re
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from tokentide.config import Settings, SettingsError
from tokentide.transports.transport import THREAD_PREFIX, TransportRejected, TransportUnavailable

if TYPE_CHECKING:
    from kafka import KafkaProducer

API_VERSION: Final = (2, 1)  # The oldest with zstd. Not pinned, the constructor asks the broker, for up to 30 s.
LARGEST_RECORD: Final = 1_000_000  # What a broker takes by default, less its own overhead.
ACKNOWLEDGE_WITHIN_MS: Final = 5_000
CLOSE_WITHIN_S: Final = 0.2
# A process that forks in the middle of an import leaves the child half a module, which waits for ever for the rest.
_importing = threading.Lock()
_PRODUCER: Final = re.compile(rb'"producer_id":"([^"]*)"')


class KafkaTransport:
    """Writes to the topic `kafka_topic`; the key is the producer's id, which keeps the order of each producer."""

    def __init__(self, settings: Settings) -> None:
        missing = [name for name in ("kafka", "zstandard") if importlib.util.find_spec(name) is None]
        if missing:
            raise SettingsError(f"transport 'kafka' needs {' and '.join(missing)}: pip install 'tokentide[kafka]'")
        self._settings = settings
        self._bootstrap = settings.kafka_bootstrap.split(",")
        self._topic = settings.kafka_topic
        self._producer: KafkaProducer | None = None

    def send(self, records: Sequence[bytes], timeout_s: float) -> None:
        """Hand over every record, then wait until the brokers have acknowledged them; see `Transport.send`."""
        if any(len(record) > LARGEST_RECORD for record in records):
            raise TransportRejected(f"a record is larger than {LARGEST_RECORD} bytes")
        with _importing:
            from kafka.errors import KafkaError, MessageSizeTooLargeError

        give_up = time.monotonic() + timeout_s
        try:
            if self._producer is None:
                self._producer = _connect(self._bootstrap, **_login(self._settings))
            sent = [self._producer.send(self._topic, record, key=_key(record)) for record in records]
            for future in sent:
                future.get(timeout=max(0.0, give_up - time.monotonic()))
        except MessageSizeTooLargeError as error:
            raise TransportRejected(str(error)) from error
        except (KafkaError, OSError) as error:
            self.close()
            raise TransportUnavailable(f"Kafka at {','.join(self._bootstrap)}: {error}") from error

    def renewed(self) -> KafkaTransport:
        """See `Transport.renewed`."""
        return KafkaTransport(self._settings)

    def close(self) -> None:
        """See `Transport.close`."""
        producer, self._producer = self._producer, None
        if producer is not None:
            producer.close(CLOSE_WITHIN_S)

    def forget(self) -> None:
        """See `Transport.forget`."""
        self._producer = None


def _key(record: bytes) -> bytes | None:
    found = _PRODUCER.search(record)
    return found[1] if found else None


def _login(settings: Settings) -> dict[str, Any]:
    """What brokers ask for. The file is read for every connection: its password may be another one by then."""
    if not settings.kafka_password_file:
        return dict(settings.kafka_client)
    password = Path(settings.kafka_password_file).read_text("utf-8").strip()
    return {**settings.kafka_client, "sasl_plain_password": password}


def _connect(bootstrap: Sequence[str], **login: Any) -> KafkaProducer:
    with _importing:
        from kafka import KafkaProducer

    class Producer(KafkaProducer):  # type: ignore[misc]  # the library has no types
        """Closed by its transport, in the process that made it, and without waiting.

        The library would close it when it is collected and at exit too. It would then wait for a broker that may be
        gone or, in a forked child, for a thread that only the parent has.
        """

        def __init__(self, **settings: Any) -> None:
            self._process = os.getpid()
            super().__init__(**settings)

        def close(self, timeout: float | None = None, **asked_by_the_library: Any) -> None:
            if not asked_by_the_library and os.getpid() == self._process:
                super().close(timeout)

        def flush(self, timeout: float | None = None) -> None:
            """`close` begins with this: what is not acknowledged by then is given up."""

    _keep_quiet()
    return Producer(
        **login,
        bootstrap_servers=list(bootstrap),
        client_id=THREAD_PREFIX,
        api_version=API_VERSION,
        max_block_ms=1_000,
        acks="all",
        enable_idempotence=True,
        compression_type="zstd",
        linger_ms=5,
        batch_size=256 * 1024,
        request_timeout_ms=ACKNOWLEDGE_WITHIN_MS - 1_000,
        delivery_timeout_ms=ACKNOWLEDGE_WITHIN_MS,
        reconnect_backoff_max_ms=2_000,
        metrics_enabled=False,
    )


def _keep_quiet() -> None:
    """Drop what kafka-python logs on our threads; what the app's own clients log stays."""
    for name in list(logging.root.manager.loggerDict):
        if name.split(".")[0] == "kafka":
            logging.getLogger(name).addFilter(_not_ours)


def _not_ours(record: logging.LogRecord) -> bool:
    return not str(record.threadName).startswith(THREAD_PREFIX)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=_importing.acquire, after_in_parent=_importing.release, after_in_child=_importing.release
    )
