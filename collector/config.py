"""Settings of the collector."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

# What decides that every record is delivered, and read as bytes.
_FIXED = {
    "auto_offset_reset",
    "bootstrap_servers",
    "enable_auto_commit",
    "fetch_max_bytes",
    "group_id",
    "key_deserializer",
    "max_partition_fetch_bytes",
    "max_poll_records",
    "value_deserializer",
}


class CollectorConfig(BaseModel):
    """Where events come from, how they are batched, and which are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    sources: tuple[Literal["http", "kafka"], ...] = Field(default=("http",), description="What to read: http, kafka.")
    kafka_bootstrap: str = Field(default="127.0.0.1:9092", description="Kafka brokers: host:port,host:port.")
    kafka_topic: str = Field(default="tokentide.calls", description="Topic of the events.")
    kafka_group: str = Field(default="tokentide-collector", description="Consumer group; all collectors share it.")
    kafka_client: dict[str, Any] = Field(
        default_factory=dict, description="Further settings of kafka-python's consumer, such as security_protocol."
    )
    batch_rows: int = Field(default=10_000, gt=0, description="Most records of one insert.")
    batch_bytes: int = Field(default=32 * 2**20, gt=0, description="Most bytes that one read fetches from Kafka.")
    max_record_bytes: int = Field(default=1_048_576, gt=0, description="A larger record becomes a dead letter.")
    max_request_bytes: int = Field(default=16 * 2**20, gt=0, description="A larger unpacked request gets a 413.")
    intake_queue_bytes: int = Field(default=64 * 2**20, gt=0, description="Bytes that may wait before a 429.")
    intake_timeout_s: float = Field(default=30.0, gt=0, description="Seconds until a waiting request gets a 503.")
    accept_past_days: int = Field(default=400, gt=0, description="An event that started earlier becomes a dead letter.")
    accept_future_minutes: int = Field(default=10, ge=0, description="A later event becomes a dead letter.")
    roll_up_every_s: float = Field(default=1.0, gt=0, description="Seconds between two roll-ups of touched minutes.")

    @field_validator("kafka_client")
    @classmethod
    def _leaves_delivery_alone(cls, settings: dict[str, Any]) -> dict[str, Any]:
        if fixed := sorted(settings.keys() & _FIXED):
            raise ValueError(
                f"{', '.join(fixed)} cannot be set here; there are kafka_bootstrap, kafka_group, batch_rows"
            )
        return settings
