"""What waits in Kafka's partitions, and for how long no broker has said so."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from kafka import TopicPartition
from kafka.errors import KafkaError
from kafka.structs import MemberState

_PATIENCE_MS: Final = 1_000
# Longer than the pauses that a working collector makes between two answers.
_UNNOTICED_S: Final = 10.0
# A broker that restarts is back by then.
_RESTART_S: Final = 60.0


class Backlog:
    """How far the partitions of one consumer are read, and where they end. `clock` is in seconds, from any start.

    An answer tells the end of what it brought; the broker is asked only for the rest. `note` and `ask` are called from
    the thread that polls.
    """

    def __init__(self, consumer: Any, topic: str, clock: Callable[[], float]) -> None:
        self._consumer = consumer
        self._topic = topic
        self._clock = clock
        # A broker answers what comes over one connection in turn, and may hold its answer to a fetch so long.
        self._patience_ms = _PATIENCE_MS + consumer.config["fetch_max_wait_ms"]
        self._ends: dict[TopicPartition, int] = {}
        self._read_to: dict[TopicPartition, int] = {}
        self._started = self._answered = clock()
        self.is_shared_out = False
        """Whether the group has said since the start which partitions this consumer reads, be it none."""
        self.records: int | None = None
        """How many wait to be read; None as long as it was never known."""

    def note(self, found: Mapping[TopicPartition, Sequence[Any]]) -> None:
        """A poll has brought this. It stops at the first partition that fills it, and has then heard of no other."""
        for partition, messages in found.items():
            self._read_to[partition] = messages[-1].offset + 1
            self._ends[partition] = self._consumer.highwater(partition) or self._read_to[partition]
        if found and self._consumer.assignment() == self._ends.keys():
            self._answered = self._clock()
            self._count()
        else:
            self.ask()

    def ask(self) -> None:
        """Ask where the partitions end; waits about a second at most. What is known stays when nobody answers."""
        assigned = set(self._consumer.assignment())
        try:
            if assigned:
                self._ends = self._consumer.end_offsets(assigned, timeout_ms=self._patience_ms)
                self._read_to = {one: self._position(one) for one in assigned}
            else:
                self._hear()
        except KafkaError:
            # Known as far as it goes: not asked again for each chunk that another broker brings.
            self._ends = {one: self._ends.get(one, 0) for one in assigned}
            if self.records is None:
                return
        else:
            self._answered = self._clock()
        self._count()

    def _hear(self) -> None:
        """Ask anything: a member without a partition asks the broker that leads the group.

        While it joins that broker answers nothing else over this connection, and who asks too long is cut off.
        """
        anything = TopicPartition(self._topic, 0)
        if self._consumer.group_metadata().state == MemberState.STABLE:
            self._consumer.committed(anything, timeout_ms=self._patience_ms)
        else:
            self._consumer.end_offsets([anything], timeout_ms=self._patience_ms)

    def away_s(self) -> float:
        """For how long nothing was heard; 0 as long as that may be a pause. From any thread."""
        silent_s = self._clock() - self._answered
        return silent_s if silent_s > _UNNOTICED_S else 0.0

    def unknown_s(self) -> float:
        """For how long it has not been known what waits: nothing was heard, or the group shares out its partitions."""
        return self.away_s() if self.records is not None else self._clock() - self._started

    def _position(self, partition: TopicPartition) -> int:
        read_to = self._consumer.position(partition, timeout_ms=self._patience_ms)
        return self._ends[partition] if read_to is None else read_to

    def _count(self) -> None:
        if not self.is_shared_out:
            return
        self.records = sum(max(0, end - self._read_to.get(partition, 0)) for partition, end in self._ends.items())


def joining_reason(group: str) -> str:
    """What to do about a group that has not said which partitions are this collector's."""
    return (
        f"the group {group} has not shared out its partitions since this collector started, so nothing is read: wait; "
        "after a kill that takes until the session of the killed member ends, session_timeout_ms in "
        "collector.kafka_client"
    )


def away_reason(away_s: float, bootstrap: str) -> str:
    """What to do about brokers that were not heard of for so long; empty while it may be a restart."""
    if away_s < _RESTART_S:
        return ""
    return (
        f"no Kafka broker at {bootstrap} has answered for {away_s:.0f} s: start it, or correct "
        "collector.kafka_bootstrap; its records are read once it answers"
    )
