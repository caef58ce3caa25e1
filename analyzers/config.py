"""Settings of the analyzers program."""

from __future__ import annotations

from pathlib import Path
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from analyzers import ANALYZERS
from analyzers.embedders import EMBEDDERS


class AnalyzersConfig(BaseModel):
    """Which analyzers run, how often, and how drift is judged."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    enabled: list[str] = Field(default=list(ANALYZERS), description="Analyzers that run.")
    every_s: int = Field(
        default=60,
        ge=60,
        multiple_of=60,
        description="Window of cost, money, latency and rate limits, whole minutes, seconds.",
    )
    delay_s: int = Field(
        default=15, ge=0, description="How long after its end a window is analyzed, for late events, seconds."
    )
    catch_up_s: int = Field(
        default=3600, ge=0, description="How far back windows that were missed are made up for, seconds."
    )
    drift_every_s: int = Field(
        default=600, ge=1, description="How often texts are compared with the reference, seconds."
    )
    drift_window_s: int = Field(default=3600, ge=1, description="Texts of how many seconds are compared each time.")
    drift_reference_samples: int = Field(
        default=200, ge=50, le=1000, description="How many first texts of a group become its reference."
    )
    drift_min_samples: int = Field(default=50, ge=20, le=200, description="Texts without which nothing is concluded.")
    embedder: str = Field(
        default="static", description="What turns texts into vectors: static or sentence_transformers."
    )
    embedder_model: Path | None = Field(default=None, description="Folder of the sentence_transformers model.")

    @field_validator("enabled")
    @classmethod
    def _known_analyzers(cls, names: list[str]) -> list[str]:
        if unknown := [name for name in names if name not in ANALYZERS]:
            raise ValueError(f"no analyzer {', '.join(unknown)}: the analyzers are {', '.join(ANALYZERS)}")
        return names

    @field_validator("embedder")
    @classmethod
    def _known_embedder(cls, name: str) -> str:
        if name not in EMBEDDERS:
            raise ValueError(f"no embedder {name}: the embedders are {', '.join(EMBEDDERS)}")
        return name

    @model_validator(mode="after")
    def _no_text_is_skipped(self) -> Self:
        if self.drift_window_s < self.drift_every_s:
            raise ValueError(
                "drift_window_s must not be shorter than drift_every_s, or texts in between are never seen"
            )
        return self
