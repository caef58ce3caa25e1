"""The options that many commands have."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

ConfigOption = Annotated[
    Path | None, typer.Option("--config", "-c", help="Configuration file; tokentide.toml here when it exists.")
]
FormatOption = Annotated[str, typer.Option("--format", help="table or json.")]
# The first is for commands that read, the second for those that change something.
AskOption = Annotated[
    str | None, typer.Option("--server", help="Ask this running tokentide instead of opening the store.")
]
LetOption = Annotated[str | None, typer.Option("--server", help="Let this running tokentide do it.")]
