"""What the engine asks of the seams, and of what takes its records."""

from __future__ import annotations

from typing import Any, Protocol

from tokentide.hooks.attempt import Attempt


class Sink(Protocol):
    """Where attempts go."""

    def emit(self, attempt: Attempt) -> object:
        """Takes an attempt without blocking."""

    def count_hook_error(self) -> object:
        """Counts a failure of ours."""


class Request(Protocol):
    """What a seam tells of a request; httpx's are of this shape."""

    @property
    def method(self) -> str:
        """In capitals."""

    @property
    def headers(self) -> Any:
        """A mapping that does not tell capital letters from small ones."""

    @property
    def content(self) -> bytes:
        """The body, empty for one that is produced piece by piece."""

    @property
    def url(self) -> Any:
        """With a `path` and a `host`; as a text it is the whole address."""
