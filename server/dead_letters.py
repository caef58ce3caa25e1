"""Dead letters as JSON: counted, shown, replayed and mended, over HTTP or straight on a store."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any, get_args

from starlette.routing import Route

from collector.dead_letters import DeadLetters, Letter, Selection
from collector.decode import Decoder
from collector.record import Reason
from collector.replay import BEGINNING, MOST_LETTERS, Replay, Replayed
from collector.rollup import RollUp
from collector.sources import SOURCES
from server.duration import LONGEST, parse_duration
from server.instant import parse_instant
from server.json_routes import NotThere, admin_route, read_route
from store.connection import Store

MOST_SHOWN = 1_000
_KNOWN = {"reason", "source", "ids", "last", "limit", "before", "behind", "dry_run"}


class UnknownLetter(NotThere):
    """There is no dead letter with that id: list them."""


class DeadLetterDesk:
    """Answers what is asked of the dead letters in `store`. Ids are 16 hexadecimal digits, instants ISO 8601.

    Questions are mappings with any of `reason`, `source`, `ids` and `last` (a length of time), as JSON or as the texts
    of a query. Every method raises ValueError for a wrong one with a sentence, and StoreError.
    """

    def __init__(self, store: Store, decoder: Decoder, roll_up: RollUp, clock: Callable[[], datetime]) -> None:
        self._letters = DeadLetters(store)
        self._replay = Replay(store, decoder, roll_up.touch)
        self._clock = clock

    def listed(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        """`total`, `counts` by reason, app and producer, and the `newest`; `limit` of each."""
        selection, limit = _selection(asked, self._clock()), _count(asked, 20, MOST_SHOWN)
        counts = self._letters.counts(selection, limit)
        newest = self._letters.newest(selection, limit)
        return {
            "total": counts[0]["total"] if counts else 0,
            "counts": [{name: value for name, value in row.items() if name != "total"} for row in counts],
            "newest": [{"id": hexadecimal(row.pop("dead_letter_id")), **row} for row in newest],
        }

    def shown(self, name: str) -> dict[str, Any]:
        """Everything about one letter, its bytes in Base64. Raises UnknownLetter."""
        letter = self._letter(name)
        dead = letter.dead
        return {
            "id": hexadecimal(letter.letter_id),
            "received_at": letter.received_at,
            "reason": dead.reason,
            "detail": dead.detail,
            "source": letter.source,
            "log_place": dead.record.place,
            "log_offset": dead.record.offset,
            "app": letter.app,
            "producer_id": dead.producer_id,
            "seq": dead.seq,
            "decided_at": letter.decided_at,
            "replayed": letter.replayed,
            "body": base64.b64encode(dead.record.body).decode(),
        }

    def replayed(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        """Replay one batch of at most `limit`: how many are `stored`, and how many `refused` by reason.

        `before` and `behind` of the answer go into the next question; `behind` is null when nothing was left.
        With `dry_run` nothing is written.
        """
        now = self._clock()
        before = parse_instant(asked["before"]) if asked.get("before") else now
        behind = _behind(asked["behind"]) if asked.get("behind") else BEGINNING
        limit, dry_run = _count(asked, MOST_LETTERS, MOST_LETTERS), asked.get("dry_run", False)
        if not isinstance(dry_run, bool):
            raise ValueError("dry_run is true or false")
        done = self._replay.batch(_selection(asked, before), before, behind, now, limit, dry_run)
        return {"stored": done.stored, "refused": dict(done.refused), "before": before, "behind": _next(done)}

    def mended(self, name: str, body: str) -> dict[str, Any]:
        """Store the Base64 `body` in the place of the letter's bytes: `stored`, or the new `reason` and its `detail`.

        Raises UnknownLetter.
        """
        letter = self._letter(name)
        if letter.replayed:
            raise ValueError(f"the dead letter {name} is stored already: there is nothing to mend")
        try:
            new = base64.b64decode(body, validate=True)
        except (binascii.Error, TypeError, ValueError) as error:
            raise ValueError("body must be Base64") from error
        against = self._replay.mended(letter, new, self._clock())
        if against is None:
            return {"stored": True}
        return {"stored": False, "reason": against.reason, "detail": against.detail}

    def _letter(self, name: str) -> Letter:
        found = self._letters.by_id([_letter_id(name)])
        if not found:
            raise UnknownLetter(f"there is no dead letter {name}: tokentide deadletters list names them")
        return found[0]


def routes(desk: DeadLetterDesk) -> list[Route]:
    """`GET /api/deadletters` and `…/<id>`; `POST /api/admin/deadletters/replay` and `…/<id>/mend` with a JSON body."""
    return [
        read_route("/api/deadletters", lambda request: desk.listed(request.query_params)),
        read_route("/api/deadletters/{id}", lambda request: desk.shown(request.path_params["id"])),
        admin_route("/api/admin/deadletters/replay", desk.replayed),
        admin_route("/api/admin/deadletters/{id}/mend", lambda asked: desk.mended(asked["id"], asked.get("body", ""))),
    ]


def hexadecimal(letter_id: int) -> str:
    """An id as people and JSON carry it."""
    return f"{letter_id:016x}"


def _selection(asked: Mapping[str, Any], now: datetime) -> Selection:
    if unknown := sorted(asked.keys() - _KNOWN):
        raise ValueError(f"there is no {unknown[0]} to ask for: there are {', '.join(sorted(_KNOWN))}")
    return Selection(
        now - (parse_duration(str(asked["last"])) if asked.get("last") else LONGEST),
        _one_of("reason", asked.get("reason"), get_args(Reason)),
        _one_of("source", asked.get("source"), tuple(SOURCES)),
        [_letter_id(name) for name in _names(asked.get("ids"))],
    )


def _names(ids: Any) -> Iterable[str]:
    """The ids of a list, or of a text that separates them by commas."""
    names = ids.split(",") if isinstance(ids, str) else ids or []
    if not isinstance(names, list):
        raise ValueError("ids is a list of ids")
    return [str(name).strip() for name in names if name]


def _one_of(what: str, word: Any, known: tuple[str, ...]) -> str:
    if not word:
        return ""
    if word not in known:
        raise ValueError(f"there is no {what} {word}: there are {', '.join(known)}")
    return str(word)


def _count(asked: Mapping[str, Any], default: int, most: int) -> int:
    text = str(default if asked.get("limit") is None else asked["limit"])
    if not re.fullmatch(r"[0-9]{1,9}", text) or not 0 < int(text) <= most:
        raise ValueError(f"limit is a whole number from 1 to {most}")
    return int(text)


def _letter_id(name: str) -> int:
    if not re.fullmatch(r"[0-9a-f]{1,16}", name.lower()):
        raise ValueError(f"{name} is no id of a dead letter: they have 16 hexadecimal digits")
    return int(name, 16)


def _behind(place: Any) -> tuple[datetime, int]:
    if not isinstance(place, list) or len(place) != 2:
        raise ValueError("behind is what the last answer said")
    return parse_instant(place[0]), _letter_id(str(place[1]))


def _next(done: Replayed) -> list[Any] | None:
    return None if done.behind is None else [done.behind[0], hexadecimal(done.behind[1])]
