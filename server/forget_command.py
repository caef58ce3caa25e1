"""`tokentide forget`: from the store, or by the running process that owns it; prints the proof that no sum changed."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import Any, Final

from tokentide.hooks.content import keyed_digest

from server.config import Config, ConfigError
from server.keeping import forgotten
from server.owner import ask_owner

_DELETED: Final = {
    "calls": "calls whose names are emptied",
    "texts": "texts of calls",
    "dead_letters": "dead letters",
    "quotes": "texts in drift references",
    "findings": "findings that quote texts",
}


def whom(user: str | None, session: str | None, user_id: str | None, user_key: str) -> dict[str, str]:
    """The one that was named, a plain id as the hash that the SDK makes of it.

    Raises ConfigError for none or several.
    """
    if sum(name is not None for name in (user, session, user_id)) != 1:
        raise ConfigError("name one to forget: --user HASH, --user-id ID or --session ID")
    if user_id is not None:
        user = keyed_digest(user_id, user_key)
        if not user:
            raise ConfigError("a plain user id needs --user-key, the user_key of the app's SDK")
    value = user or session
    if not value:
        raise ConfigError("an empty name is nobody's: name the user hash or the session to forget")
    return {"kind": "session" if user is None else "user", "value": value}


def run_forget(config: Config, asked: Mapping[str, Any], server: str | None) -> bool:
    """Forget, print what was done, and return whether every sum is unchanged. Raises ConfigError, StoreError."""
    done = ask_owner(config, "/api/admin/forget", forgotten, asked, server)
    _print_found("would be deleted" if asked.get("dry_run") else "deleted", done["found"])
    if asked.get("dry_run"):
        return True
    _print_sums("before", done["before"])
    _print_sums("after", done["after"])
    if any(done["left"].values()):
        sys.stdout.write("more arrived meanwhile; the collector deletes it within seconds, or run this again\n")
    sys.stdout.write("every sum is unchanged\n" if done["unchanged"] else "A SUM DIFFERS: compare before and after\n")
    return bool(done["unchanged"])


def _print_found(what: str, found: Mapping[str, int]) -> None:
    for name, words in _DELETED.items():
        sys.stdout.write(f"{what}: {found[name]} {words}\n")


def _print_sums(when: str, teams: Sequence[Mapping[str, Any]]) -> None:
    for row in teams:
        team = row["team"] or "unattributed"
        tokens = f"{row['input_tokens'] or 0} + {row['output_tokens'] or 0} tokens"
        sys.stdout.write(f"{when}: {team}: {row['calls']} calls, {tokens}, ${row['cost']}\n")
