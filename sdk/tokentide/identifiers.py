"""Identifiers: UUID version 7 (RFC 9562), ordered by time."""

from __future__ import annotations

import os
import time


def uuid7(unix_ms: int | None = None, randomness: bytes | None = None) -> str:
    """A UUIDv7 in its usual text form. The clock and ten random bytes may be given, for tests."""
    milliseconds = time.time_ns() // 1_000_000 if unix_ms is None else unix_ms
    noise = os.urandom(10) if randomness is None else randomness
    value = (milliseconds & 0xFFFFFFFFFFFF) << 80 | int.from_bytes(noise, "big")
    value = value & ~(0xF << 76) | 0x7 << 76
    value = value & ~(0x3 << 62) | 0x2 << 62
    text = f"{value:032x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"
