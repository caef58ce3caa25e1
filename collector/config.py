"""Settings of the collector."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationInfo, field_validator

from collector.allocation.capacity import CapacityConfig
from collector.allocation.shared import SharedCostConfig
from collector.ownership import OwnershipRule

_MOST_TOKENS_OF_A_SENDER = 8

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


class SenderConfig(BaseModel):
    """Who may write with which tokens, for whom, and how fast."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    sha256: tuple[Annotated[str, StringConstraints(to_lower=True, pattern="^[0-9a-fA-F]{64}$")], ...] = Field(
        min_length=1,
        max_length=_MOST_TOKENS_OF_A_SENDER,
        description="SHA-256 of each valid token, in hex; tokentide token prints one.",
    )
    team: str = Field(default="", description="Team that its events belong to, whatever they say; empty: as they say.")
    app: str = Field(default="", description="App that its events belong to, whatever they say; empty: as they say.")
    events_per_s: float = Field(
        default=0.0, ge=0, allow_inf_nan=False, description="Events a second on average; 0 is no limit."
    )


class CollectorConfig(BaseModel):
    """Where events come from, how they are batched, and which are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    sources: tuple[Literal["http", "kafka"], ...] = Field(default=("http",), description="What to read: http, kafka.")
    kafka_bootstrap: str = Field(default="127.0.0.1:9092", description="Kafka brokers: host:port,host:port.")
    kafka_topic: str = Field(default="tokentide.calls", description="Topic of the events.")
    kafka_group: str = Field(default="tokentide-collector", description="Consumer group; all collectors share it.")
    kafka_dead_letter_topic: str = Field(
        default="tokentide.dead-letters", description="Topic of what cannot be read from Kafka's events; empty: none."
    )
    kafka_client: dict[str, Any] = Field(
        default_factory=dict, description="Further settings of kafka-python's consumer, such as security_protocol."
    )
    kafka_password_file: Path | None = Field(
        default=None, description="File that holds kafka_client's sasl_plain_password."
    )
    batch_rows: int = Field(default=15_000, gt=0, description="Most records of one insert.")
    batch_bytes: int = Field(
        default=16 * 2**20,
        gt=0,
        description="Most bytes of one read: of a fetch from Kafka, or of HTTP requests; none is cut.",
    )
    batch_age_s: float = Field(
        default=0,
        ge=0,
        le=5,
        description="Seconds that Kafka waits for a batch of batch_bytes / 8; 0: it sends what it has. Not for HTTP.",
    )
    max_record_bytes: int = Field(default=1_048_576, gt=0, description="A larger record becomes a dead letter.")
    max_request_bytes: int = Field(default=16 * 2**20, gt=0, description="A larger unpacked request gets a 413.")
    max_request_events: int = Field(default=50_000, gt=0, description="A request with more events gets a 413.")
    receive_timeout_s: float = Field(default=30.0, gt=0, description="Seconds that a body may take before a 408.")
    intake_queue_bytes: int = Field(
        default=64 * 2**20, gt=0, description="Bytes that may be on their way in or wait before a 429."
    )
    intake_timeout_s: float = Field(default=30.0, gt=0, description="Seconds until a waiting request gets a 503.")
    tokens: dict[str, SenderConfig] = Field(
        default_factory=dict,
        description="Who may send over HTTP: a table by name with sha256, team, app, events_per_s. None: everyone.",
    )
    ownership: dict[str, OwnershipRule] = Field(
        default_factory=dict,
        description="Team of calls that name none: a table by label with team, app, …, valid_from, valid_to.",
    )
    capacity: dict[str, CapacityConfig] = Field(
        default_factory=dict,
        description="Capacity at a flat cost: a table by label with kind, hourly, host, model, …, valid_from.",
    )
    shared_costs: dict[str, SharedCostConfig] = Field(
        default_factory=dict,
        description="Costs that teams share: a table by label with monthly, driver, shares, valid_from, valid_to.",
    )
    tokens_file: Path | None = Field(
        default=None, description="TOML file with more of them, one table a name; read again when it changes."
    )
    accept_past_days: int = Field(default=400, gt=0, description="An event that started earlier becomes a dead letter.")
    accept_future_minutes: int = Field(default=10, ge=0, description="A later event becomes a dead letter.")
    dead_letter_limit: float = Field(
        default=0.9,
        gt=0,
        le=1,
        description="Pause Kafka when this share of the last records is dead letters; 1: never.",
    )
    dead_letter_limit_records: int = Field(
        default=1_000, gt=0, description="How many last records that share is of; fewer never pause anything."
    )
    roll_up_every_s: float = Field(
        default=1.0, gt=0, description="Least seconds from one roll-up of touched minutes to the next."
    )

    user_key: str = Field(
        default="",
        repr=False,
        description="Secret for hashing the users that other tools' records name; empty records none.",
    )
    otlp_content: Literal["off", "masked", "full"] = Field(
        default="masked", description="What is kept of the texts in OpenTelemetry's spans: off, masked, full."
    )
    litellm_content: Literal["off", "masked", "full"] = Field(
        default="masked", description="What is kept of the texts that LiteLLM's callback sends: off, masked, full."
    )

    @field_validator("kafka_dead_letter_topic")
    @classmethod
    def _is_not_read_itself(cls, topic: str, given: ValidationInfo) -> str:
        if topic and topic == given.data.get("kafka_topic"):
            raise ValueError(f"{topic} is the topic of the events: name another one, or none")
        return topic

    @field_validator("kafka_client")
    @classmethod
    def _leaves_delivery_alone(cls, settings: dict[str, Any]) -> dict[str, Any]:
        if fixed := sorted(settings.keys() & _FIXED):
            raise ValueError(
                f"{', '.join(fixed)} cannot be set here; there are kafka_bootstrap, kafka_group, batch_rows"
            )
        return settings

    @field_validator("tokens")
    @classmethod
    def _belong_to_one_each(cls, senders: dict[str, SenderConfig]) -> dict[str, SenderConfig]:
        check_tokens(senders)
        return senders


def check_tokens(senders: dict[str, SenderConfig]) -> None:
    """Raises ValueError when a token belongs to two senders."""
    owner: dict[str, str] = {}
    for name, sender in senders.items():
        for digest in sender.sha256:
            if owner.setdefault(digest, name) != name:
                raise ValueError(f"{owner[digest]} and {name} share a token: give each its own")
