"""The Kafka source: one member of a consumer group; offsets are committed after the insert was acknowledged."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from typing import Any

from kafka import ConsumerRebalanceListener, KafkaAdminClient, KafkaConsumer, OffsetAndMetadata, TopicPartition
from kafka.admin import MemberToRemove
from kafka.errors import CommitFailedError, KafkaConfigurationError, KafkaError
from kafka.structs import MemberState

from collector.config import CollectorConfig
from collector.record import Chunk, Record
from collector.sources.kafka_backlog import Backlog, away_reason, joining_reason

log = logging.getLogger(__name__)

_HAND_OVER_SECONDS = 5.0
_PAUSE_SECONDS = 1.0
_HELD_WHILE_EMPTY_MS = 200
_LEAVE_WITHIN_MS = 2_000


class KafkaAway(Exception):
    """Kafka cannot be read as configured: start it, or correct the setting that the message names."""


class KafkaSource:
    """Reads the topic of events. A partition that is taken away is finished and committed before it is handed over."""

    name = "kafka"

    def __init__(self, config: CollectorConfig, clock: Callable[[], float] = time.monotonic) -> None:
        self._config = config
        self._bootstrap = config.kafka_bootstrap
        self._most_records = config.batch_rows
        self._condition = threading.Condition()
        self._in_hand = 0
        self._safe: dict[TopicPartition, int] = {}
        try:
            self._consumer: Any = KafkaConsumer(**_settings(config))
        except (KafkaConfigurationError, ValueError, TypeError, OSError) as error:
            raise KafkaAway(f"collector.kafka_bootstrap or collector.kafka_client is wrong: {error}") from error
        except KafkaError as error:
            raise KafkaAway(
                f"no Kafka broker answers at {config.kafka_bootstrap}: start it, or set collector.kafka_bootstrap; "
                "if it is there, correct the login in collector.kafka_client"
            ) from error
        self._consumer.subscribe([config.kafka_topic], listener=_HandOver(self))
        self._backlog = Backlog(self._consumer, config.kafka_topic, clock)

    def read(self) -> Chunk | None:
        """The next records of all assigned partitions, up to the batch size."""
        self._commit_safe()
        try:
            found: dict[TopicPartition, list[Any]] = self._consumer.poll(
                timeout_ms=1000, max_records=self._most_records, update_offsets=True
            )
        except KafkaError as error:
            if not error.retriable:
                raise
            log.warning("Kafka cannot be read now, next try in %.0f s: %s", _PAUSE_SECONDS, error)
            time.sleep(_PAUSE_SECONDS)
            return None
        self._backlog.note(found)
        if not found:
            return None
        records: list[Record] = []
        after: dict[TopicPartition, int] = {}
        for partition, messages in found.items():
            place = f"{partition.topic}/{partition.partition}"
            records += [Record(place, message.offset, message.value or b"") for message in messages]
            after[partition] = messages[-1].offset + 1
        with self._condition:
            self._in_hand += 1
        oldest = min(messages[0].timestamp for messages in found.values())
        return Chunk(records, lambda _: self._acknowledged(after), oldest / 1000 if oldest > 0 else None)

    def waiting(self) -> int | None:
        """What the partitions of this member hold more, as Kafka said last: while it is away nobody knows."""
        return self._backlog.records

    def unknown_s(self) -> float:
        """For how long no broker has answered, or since the start as long as this member's partitions are not known."""
        return self._backlog.unknown_s()

    def away_s(self) -> float:
        """For how long no broker has answered."""
        return self._backlog.away_s()

    def away_reason(self) -> str:
        """What to do about that, or about partitions that the group has not shared out."""
        if said := away_reason(self.away_s(), self._bootstrap):
            return said
        return "" if self._backlog.is_shared_out else joining_reason(self._config.kafka_group)

    def idle(self) -> None:
        """Keep the membership alive without fetching, commit what is safe, and see what waits."""
        self._commit_safe()
        assigned = self._consumer.assignment()
        self._consumer.pause(*assigned)
        # A partition that is assigned in this very call is not paused: what comes from it is read again later.
        for partition, messages in self._consumer.poll(timeout_ms=0).items():
            self._consumer.seek(partition, messages[0].offset)
        self._consumer.resume(*self._consumer.assignment())
        self._backlog.ask()

    def close(self) -> None:
        """Commit what is safe and leave the group; its answer is not waited for long."""
        self._commit_safe()
        with self._condition:
            self._in_hand = 0
        member = self._consumer.group_metadata()
        if member.state == MemberState.REBALANCING and member.member_id and member.group_instance_id is None:
            _leave_while_joining(self._config, member.member_id)
        self._consumer.close(autocommit=False, timeout_ms=_LEAVE_WITHIN_MS)

    def hand_over(self) -> None:
        """Called inside kafka-python's event loop when partitions are taken away, so it may not block for long.

        Waits a moment for the chunk in hand and commits it; what is not safe by then is read again by its new owner.
        """
        with self._condition:
            self._condition.wait_for(lambda: self._in_hand == 0, timeout=_HAND_OVER_SECONDS)
        if offsets := self._take_safe():
            self._consumer.commit_async(offsets)

    def shared_out(self, partitions: list[int]) -> None:
        """Called inside kafka-python's event loop when the group has said which partitions are this member's."""
        self._backlog.is_shared_out = True
        log.info("reading partitions %s", partitions)

    def _acknowledged(self, after: dict[TopicPartition, int]) -> None:
        with self._condition:
            self._safe.update(after)
            self._in_hand -= 1
            self._condition.notify_all()

    def _take_safe(self) -> dict[TopicPartition, Any]:
        with self._condition:
            safe, self._safe = self._safe, {}
        assigned = self._consumer.assignment()
        return {
            partition: OffsetAndMetadata(offset, "", -1) for partition, offset in safe.items() if partition in assigned
        }

    def _commit_safe(self) -> None:
        offsets = self._take_safe()
        if not offsets:
            return
        try:
            self._consumer.commit(offsets)
        except CommitFailedError:
            log.warning("partitions moved to another collector before the commit; it will read these records again")
        except KafkaError as error:
            log.warning("commit not possible now, it is repeated with the next batch: %s", error)
            with self._condition:
                self._safe = {**{partition: found.offset for partition, found in offsets.items()}, **self._safe}


def _leave_while_joining(config: CollectorConfig, member: str) -> None:
    """Leave over another connection: on the consumer's own one the broker answers only when the group has settled."""
    waits = {"bootstrap_timeout_ms": _LEAVE_WITHIN_MS, "request_timeout_ms": _LEAVE_WITHIN_MS}
    try:
        admin: Any = KafkaAdminClient(**{**client_settings(config, KafkaAdminClient), **waits})
        try:
            admin.remove_group_members(config.kafka_group, [MemberToRemove(member_id=member)])
        finally:
            admin.close()
    except (KafkaAway, KafkaError, ValueError, TypeError, OSError) as error:
        log.warning("the group %s was not told that this collector leaves: %r", config.kafka_group, error)


def _settings(config: CollectorConfig) -> dict[str, Any]:
    return {
        "bootstrap_servers": config.kafka_bootstrap,
        "group_id": config.kafka_group,
        "client_id": "tokentide-collector",
        "enable_auto_commit": False,
        "auto_offset_reset": "earliest",
        "max_poll_records": config.batch_rows,
        "max_partition_fetch_bytes": config.batch_bytes // 4,
        "fetch_max_bytes": config.batch_bytes,
        **_waiting(config),
        **config.kafka_client,
        **password(config),
    }


def _waiting(config: CollectorConfig) -> dict[str, int]:
    """How long a broker holds its answer until it has enough.

    Enough is half of what it sends of one partition, so that it never waits where one alone holds a backlog.
    """
    if not config.batch_age_s:
        return {"fetch_min_bytes": 1, "fetch_max_wait_ms": _HELD_WHILE_EMPTY_MS}
    return {"fetch_min_bytes": max(1, config.batch_bytes // 8), "fetch_max_wait_ms": round(config.batch_age_s * 1000)}


def password(config: CollectorConfig) -> dict[str, str]:
    """The client setting that `collector.kafka_password_file` holds. Raises KafkaAway when it cannot be read."""
    if config.kafka_password_file is None:
        return {}
    try:
        return {"sasl_plain_password": config.kafka_password_file.read_text("utf-8").strip()}
    except (OSError, UnicodeDecodeError) as error:
        raise KafkaAway(f"collector.kafka_password_file cannot be read, correct it: {error}") from error


def client_settings(config: CollectorConfig, kind: Any) -> dict[str, Any]:
    """The address, and of the consumer's further settings those that this kind of client has too. Raises KafkaAway."""
    shared = {name: value for name, value in config.kafka_client.items() if name in kind.DEFAULT_CONFIG}
    return {
        **shared,
        **password(config),
        "bootstrap_servers": config.kafka_bootstrap,
        "client_id": "tokentide-collector",
    }


class _HandOver(ConsumerRebalanceListener):  # type: ignore[misc]  # kafka-python has no types
    def __init__(self, source: KafkaSource) -> None:
        self._source = source

    def on_partitions_revoked(self, revoked: list[TopicPartition]) -> None:
        self._source.hand_over()

    def on_partitions_assigned(self, assigned: list[TopicPartition]) -> None:
        self._source.shared_out(sorted(partition.partition for partition in assigned))
