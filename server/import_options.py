"""What the command line of `tokentide import` says."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Literal

Kind = Literal["jsonl", "langfuse", "litellm", "openai-usage"]


@dataclass(frozen=True, slots=True)
class ImportOptions:
    """What the command line says. `until` is None where it says nothing."""

    file: str
    kind: Kind
    server: str | None = None
    team: str = ""
    app: str = ""
    content: Literal["off", "masked", "full"] = "masked"
    until: datetime | None = None
    dry_run: bool = False
    token_file: Path | None = None
    again: bool = False
