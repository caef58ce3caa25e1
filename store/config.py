"""Settings of the store."""

from __future__ import annotations

from pathlib import Path
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from store.errors import StoreError


class StoreConfig(BaseModel):
    """Where the tables are."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    dsn: str = Field(
        default="chdb://tokentide-data/store",
        description="Data source name: chdb://folder for the embedded store, or https://user@host:8443.",
    )
    dsn_file: Path | None = Field(default=None, description="File that holds the DSN, to keep a password out of sight.")
    database: str = Field(default="tokentide", pattern=r"^\w+$", description="Database of the tables.")
    least_free_bytes: int = Field(
        default=512 * 2**20,
        ge=0,
        description="Embedded store: with less free disk space nothing is stored; 0: no limit.",
    )
    cluster: str = Field(default="", description="ClickHouse cluster: tables are created ON CLUSTER and replicated.")
    keep_calls_days: int = Field(
        default=0, ge=0, le=20_000, description="Days that single calls are kept, 0 for ever; totals stay for ever."
    )
    keep_texts_days: int = Field(
        default=90, ge=0, le=20_000, description="Days that prompts, responses and quotes of them are kept, 0 for ever."
    )

    @model_validator(mode="after")
    def _texts_go_first(self) -> Self:
        # Without its call nothing tells whose text it is, so it could not be forgotten.
        if self.keep_calls_days and not 0 < self.keep_texts_days <= self.keep_calls_days:
            raise ValueError("texts cannot be kept longer than calls: lower keep_texts_days, or raise keep_calls_days")
        return self

    def address(self) -> str:
        """The DSN, from the file when one is named. Raises StoreError when that file cannot be read."""
        if self.dsn_file is None:
            return self.dsn
        try:
            return self.dsn_file.read_text("utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise StoreError(f"store.dsn_file {self.dsn_file} cannot be read, correct it ({error})") from error
