"""Masks what a text must not give away: `masking_patterns` says what that is."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from tokentide.masking_patterns import PATTERNS, Pattern

_MOST_ROUNDS: Final = 4


def masked(text: str) -> str:
    """`text` with a name, such as `[email]`, in the place of everything that one of the patterns recognises."""
    for _ in range(_MOST_ROUNDS):
        spans = sorted(_spans(text))
        if not spans:
            break
        # Again, because what is replaced may have been all that hid what stood right beside it.
        text = _replaced(text, spans)
    return text


def _replaced(text: str, spans: list[tuple[int, int, int]]) -> str:
    """Of spans that overlap the first one gives the name, and all of them go."""
    pieces, kept = [], 0
    for start, rank, end in spans:
        if start >= kept:
            pieces += [text[kept:start], f"[{PATTERNS[rank].name}]"]
        kept = max(kept, end)
    return "".join([*pieces, text[kept:]])


def _spans(text: str) -> Iterator[tuple[int, int, int]]:
    """Every span that a pattern recognises: its start, the row of the pattern, its end."""
    lowered = text.replace("\u0130", "i").lower()  # the only letter whose lower case is longer
    for rank, pattern in enumerate(PATTERNS):
        for beginning in pattern.starts or ("",):
            for start, end in _found(text, lowered, pattern, beginning):
                yield start, rank, end


def _found(text: str, lowered: str, pattern: Pattern, beginning: str) -> Iterator[tuple[int, int]]:
    position = 0
    while True:
        if beginning:
            position = lowered.find(beginning, position)
            match = pattern.regex.match(text, position) if position >= 0 else None
        else:
            match = pattern.regex.search(text, position)
            position = match.start() if match else -1
        if position < 0:
            return
        span = pattern.check(match) if match else None
        if span is not None:
            yield span
        position = span[1] if span else position + 1
