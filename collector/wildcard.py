"""Patterns of settings: `*` is any text, also none, and everything else is itself."""

from __future__ import annotations

import re
from fnmatch import fnmatchcase
from typing import Final

ANY: Final = "*"


def fits(text: str, pattern: str) -> bool:
    """Whether a text is of a pattern, as the store says of the `expression` of the same pattern."""
    # fnmatch knows more than *, but takes no longer where a text nearly fits at many places.
    return fnmatchcase(text, pattern.replace("[", "[[]").replace("?", "[?]"))


def expression(pattern: str) -> str:
    """A pattern as a regular expression of the store, of a text as a whole."""
    return f"^{re.escape(pattern).replace(re.escape(ANY), '.*')}$"
