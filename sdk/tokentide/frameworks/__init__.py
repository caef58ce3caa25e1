"""Frameworks above the client libraries: they say who calls and what for, and never make a record of their own."""

from __future__ import annotations

from typing import Final

# The module that is attached to as soon as it is imported, and who does it.
FRAMEWORKS: Final = {
    "litellm": "tokentide.frameworks.litellm:attach",
    "langchain_core.tracers.context": "tokentide.frameworks.langchain:attach",
}
