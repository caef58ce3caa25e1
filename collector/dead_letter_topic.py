"""The Kafka topic of dead letters: the bytes of each, and in its headers why and where from."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from kafka import KafkaAdminClient, KafkaProducer
from kafka.errors import KafkaError, MessageSizeTooLargeError, RecordListTooLargeError, TopicAlreadyExistsError

from collector.config import CollectorConfig
from collector.record import DeadLetter
from collector.sources.kafka import KafkaAway, client_settings

log = logging.getLogger(__name__)

_TOO_LARGE: Final = (MessageSizeTooLargeError, RecordListTooLargeError)
_MOST_BYTES_IN_FLIGHT: Final = 8 * 2**20
# The broker decides what is too large, unless it would not even read the request.
_LARGEST_REQUEST: Final = 64 * 2**20
_DELIVER_WITHIN_S: Final = 20.0
_CLOSE_WITHIN_S: Final = 5.0


class TopicAway(Exception):
    """The topic of dead letters cannot be written now: keep the records and try again later."""


class DeadLetterTopic:
    """Writes to `collector.kafka_dead_letter_topic`, which is created when it is missing.

    A letter may come more than once; its headers `partition` and `offset` tell a repeat. Raises KafkaAway.
    """

    def __init__(self, config: CollectorConfig) -> None:
        self._topic = config.kafka_dead_letter_topic
        self._told_too_large = False
        _create(config)
        try:
            self._producer: Any = KafkaProducer(
                **client_settings(config, KafkaProducer),
                acks="all",
                compression_type="zstd",
                max_block_ms=5_000,
                request_timeout_ms=10_000,
                delivery_timeout_ms=int(_DELIVER_WITHIN_S * 1000),
                max_request_size=_LARGEST_REQUEST,
                batch_size=256 * 1024,
                allow_auto_create_topics=False,
                # A repeat does no harm, and a producer without a state of its own can always go on.
                enable_idempotence=False,
                metrics_enabled=False,
            )
        except (KafkaError, ValueError, TypeError, OSError) as error:
            raise _unusable(config, error) from error

    def send(self, letters: Sequence[DeadLetter], now: datetime) -> None:
        """Write all of them; when it returns every broker in sync has them. Raises TopicAway.

        One that is larger than the broker takes is left out: the table has it.
        """
        sent: list[Any] = []
        size = 0
        for letter in letters:
            sent.append(self._send(letter, now))
            size += len(letter.record.body)
            if size >= _MOST_BYTES_IN_FLIGHT:
                self._wait(sent)
                sent, size = [], 0
        self._wait(sent)

    def close(self) -> None:
        """Leave; what `send` has returned for is written."""
        self._producer.close(_CLOSE_WITHIN_S)

    def _send(self, letter: DeadLetter, now: datetime) -> Any:
        try:
            return self._producer.send(self._topic, letter.record.body, headers=_headers(letter, now))
        except _TOO_LARGE as error:
            self._tell_too_large(error)
            return None
        except (KafkaError, OSError) as error:
            raise self._away(error) from error

    def _wait(self, sent: Sequence[Any]) -> None:
        for future in filter(None, sent):
            try:
                future.get(timeout=_DELIVER_WITHIN_S + 5)
            except _TOO_LARGE as error:
                self._tell_too_large(error)
            except (KafkaError, OSError) as error:
                raise self._away(error) from error

    def _away(self, error: Exception) -> TopicAway:
        return TopicAway(f"the topic {self._topic} of dead letters cannot be written now: {error!r}")

    def _tell_too_large(self, error: KafkaError) -> None:
        if not self._told_too_large:
            self._told_too_large = True
            log.warning(
                "a dead letter is too large for the topic %s, so only the table keeps it, as any other such letter; "
                "raise the topic's max.message.bytes to have them there as well: %s",
                self._topic,
                error,
            )


def _headers(letter: DeadLetter, now: datetime) -> list[tuple[str, bytes]]:
    topic, _, partition = letter.record.place.rpartition("/")
    named = {
        "reason": letter.reason,
        "detail": letter.detail,
        "topic": topic,
        "partition": partition,
        "offset": str(letter.record.offset),
        "received_at": now.isoformat(timespec="milliseconds"),
    }
    return [(name, text.encode("utf-8", "replace")) for name, text in named.items()]


def _create(config: CollectorConfig) -> None:
    """Create the topic as the broker creates topics by default, unless it is there."""
    try:
        admin: Any = KafkaAdminClient(**client_settings(config, KafkaAdminClient))
        try:
            if config.kafka_dead_letter_topic not in admin.list_topics():
                admin.create_topics({config.kafka_dead_letter_topic: {}})
        finally:
            admin.close()
    except TopicAlreadyExistsError:
        pass  # another collector was faster
    except (KafkaError, ValueError, TypeError, OSError) as error:
        raise _unusable(config, error) from error


def _unusable(config: CollectorConfig, error: Exception) -> KafkaAway:
    return KafkaAway(
        f"the topic {config.kafka_dead_letter_topic} of dead letters cannot be used: create it, let this client write "
        f"to it, or set collector.kafka_dead_letter_topic to another topic, or to nothing to have none ({error!r})"
    )
