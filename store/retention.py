"""How long facts and texts are kept. Roll-ups are never deleted, and what is deleted never changes them.

The tables delete by themselves (TTL of ClickHouse, in the background, up to some hours late). A total is a pure
function of its facts only while all of them are there: `kept_since` is the bound that intake and roll-up respect.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from store.connection import Store
from store.migrate import clustered
from store.sql import Query, load

_HOLD_TEXTS: Final = ("llm_texts", "dead_letters", "drift_references", "measurements")
# Facts stay a day longer than events are accepted, so that what has just been accepted can still be rolled up.
_FACTS_STAY_LONGER: Final = 1
_NEVER: Final = 100_000


def apply_retention(store: Store, calls_days: int, texts_days: int, now: datetime, cluster: str = "") -> list[str]:
    """Make the tables delete facts and texts of more than so many days, 0 for never; returns the tables that changed.

    Every table that already does so is left alone. Raises StoreError.
    """
    wanted = dict.fromkeys(_HOLD_TEXTS, texts_days)
    wanted["llm_calls"] = calls_days + _FACTS_STAY_LONGER if calls_days else 0
    retained = {name: days % _NEVER for name, days in store.query(load("store", "retained_days")).rows}
    changed = [table for table, days in wanted.items() if retained.get(table, 0) != days]
    if "llm_calls" in changed and (days := retained.get("llm_calls")):
        # First: were this lost after the change, totals could be rebuilt from what is left of their facts.
        store.insert("removed_facts", ["before", "noted_at"], [(now - timedelta(days=days), now)])
    for table in changed:
        query = load("store", f"expire_{table}")
        text = clustered(query.text, cluster) if cluster else query.text
        store.execute(Query(query.name, query.description, text, query.parameters), {"days": wanted[table] or _NEVER})
    return changed


def kept_since(store: Store) -> datetime:
    """The time since which no fact of a call has been removed, nor will be soon; 1970 when all are kept for ever.

    Raises StoreError.
    """
    since: datetime = store.query(load("store", "kept_since")).scalar()
    return since
