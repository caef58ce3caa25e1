"""The tags in the metadata that a framework's user gives to a run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

TAGS: Final = ("team", "app", "feature", "environment", "session", "user")


def tags_in(metadata: Mapping[str, Any] | None) -> dict[str, str]:
    """What `metadata` says under the names of `tokentide.context`; other keys are left alone.

    `prompt` is a name, or a pair of a name and a version.
    """
    if not metadata:
        return {}
    said = {name: str(metadata[name]) for name in TAGS if isinstance(metadata.get(name), (str, int))}
    prompt = metadata.get("prompt")
    parts = prompt if isinstance(prompt, (list, tuple)) and len(prompt) == 2 else (prompt, None)
    names = ("prompt_name", "prompt_version")
    return said | {name: str(part) for name, part in zip(names, parts, strict=True) if isinstance(part, (str, int))}
