"""The texts of a call: what the user said last, how long texts are shortened, and how a text is recognised again."""

from __future__ import annotations

import hashlib
from typing import Any, Final

from tokentide.hooks.document import dig, items, text

_TEXT_PARTS: Final = ("text", "input_text", "output_text")
CUT: Final = " … "


def plain_text(content: Any) -> str:
    """The text of a message's content, which is a text or a list of parts."""
    if isinstance(content, str):
        return content
    parts = (part if isinstance(part, str) else _part_text(part) for part in items(content))
    return "\n".join(part for part in parts if part)


def _part_text(part: Any) -> str:
    return text(dig(part, "text")) if dig(part, "type") in _TEXT_PARTS else ""


def last_user_turn(messages: Any) -> str:
    """What the user said last: the last run of user messages with text, whatever tools and assistants said since."""
    said: list[str] = []
    for message in reversed(items(messages)):
        words = plain_text(dig(message, "content")) if dig(message, "role") == "user" else ""
        if words:
            said.append(words)
        elif said:
            break
    return "\n".join(reversed(said))


def shortened(whole: str, limit: int) -> tuple[str, bool]:
    """`whole` in at most `limit` characters, its middle left out if need be, and whether that was needed."""
    if len(whole) <= limit:
        return whole, False
    room = max(0, limit - len(CUT))
    tail = room // 2
    return (whole[: room - tail] + CUT + whole[len(whole) - tail :])[:limit], True


def digest(whole: str) -> str:
    """A short hash under which the same text is recognised again (BLAKE2b, 128 bits); empty for no text."""
    return hashlib.blake2b(whole.encode("utf-8", "replace"), digest_size=16).hexdigest() if whole else ""


def keyed_digest(whole: str, key: str) -> str:
    """A pseudonym for a user, which only who has the key can make again (keyed BLAKE2b, 128 bits).

    Empty for no user, and for no key: an unkeyed hash of a name is as good as the name.
    """
    if not whole or not key:
        return ""
    secret = hashlib.blake2b(key.encode("utf-8")).digest()
    return hashlib.blake2b(whole.encode("utf-8", "replace"), key=secret, digest_size=16).hexdigest()
