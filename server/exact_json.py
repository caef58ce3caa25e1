"""JSON in which money keeps every digit."""

from __future__ import annotations

import json
from datetime import datetime
from decimal import Decimal


def as_json(found: object, indent: int | None = None) -> str:
    """`found` as JSON, see `exact`."""
    return json.dumps(found, indent=indent, default=exact)


def exact(value: object) -> str:
    """Money and instants as texts in JSON: exact decimals, ISO 8601."""
    if isinstance(value, Decimal):
        text = format(value, "f")
        return text.rstrip("0").rstrip(".") if "." in text else text
    if isinstance(value, datetime):
        return value.isoformat()
    raise TypeError(f"a {type(value).__name__} cannot be written as JSON")
