"""Settings of the store."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

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
    cluster: str = Field(default="", description="ClickHouse cluster: tables are created ON CLUSTER and replicated.")

    def address(self) -> str:
        """The DSN, from the file when one is named. Raises StoreError when that file cannot be read."""
        if self.dsn_file is None:
            return self.dsn
        try:
            return self.dsn_file.read_text("utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise StoreError(f"store.dsn_file {self.dsn_file} cannot be read, correct it ({error})") from error
