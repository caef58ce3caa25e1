"""Python values in the form that ClickHouse's typed parameters accept, the same for both kinds of store."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime, timezone
from decimal import Decimal
from typing import Any


def literal(value: Any, kind: str = "DateTime64") -> str | int | float | list[Any]:
    """`value` for a parameter of ClickHouse type `kind`.

    Instants must carry a time zone and lose what `kind` cannot hold.
    Raises ValueError or TypeError for what has no form.
    """
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float | str):
        return value
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, datetime):
        if value.tzinfo is None:
            raise ValueError(f"{value!r} has no time zone")
        return value.astimezone(timezone.utc).strftime("%Y-%m-%d %H:%M:%S" + (".%f" if "DateTime64" in kind else ""))
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Iterable):
        return [literal(item, kind) for item in value]
    raise TypeError(f"a {type(value).__name__} cannot be a query parameter")
