"""Client libraries that Stainless generates have one shape: here is where their retries are."""

from __future__ import annotations

from typing import Any

from tokentide.hooks.provider import Document, Loop


def loops(package: str) -> tuple[Loop, ...]:
    """The retry loops of the sync and the async client of `package`."""
    module = f"{package}._base_client"
    return Loop(module, "SyncAPIClient", "request", _asked), Loop(module, "AsyncAPIClient", "request", _asked)


def _asked(arguments: tuple[Any, ...]) -> Document:
    """The request's JSON out of `request(self, cast_to, options)`."""
    asked = getattr(arguments[2], "json_data", None) if len(arguments) > 2 else None
    return asked if isinstance(asked, dict) else {}
