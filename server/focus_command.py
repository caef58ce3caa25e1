"""`tokentide books focus`: a FOCUS file for each day, from the store or from the running process that owns it."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

from server.config import Config, ConfigError
from server.focus.columns import columns_of
from server.focus.day import check_format, metadata, parse_day, rows
from server.focus.write import CallsCameIn, Written, write_day
from server.owner import owner
from server.programs import utc_now
from server.remote import Remote
from store.connection import Store


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which days to write: `day` alone, or those from `start` until before `end`; in which FOCUS version and format."""

    day: str
    start: str
    end: str
    version: str
    format: str


def write_focus(config: Config, wanted: Wanted, output: str, server: str | None) -> None:
    """Write one file a day into the folder `output`, and say of each whether it has changed.

    Raises ConfigError for a word that is not valid, a day that cannot be written or a folder that cannot, StoreError.
    """
    folder = Path(output)
    try:
        columns_of(wanted.version)
        check_format(wanted.format)
        days = list(_days(wanted, utc_now()))
        folder.mkdir(parents=True, exist_ok=True)
        with owner(config, server) as found:
            for day in days:
                sys.stdout.write(_told(_written(found, day, wanted, folder)))
    except (ValueError, CallsCameIn) as error:
        raise ConfigError(str(error)) from error
    except OSError as error:
        raise ConfigError(f"{folder} cannot be written, choose another --output: {error}") from error


def _written(found: Store | Remote, day: date, wanted: Wanted, folder: Path) -> Written:
    def describe() -> Mapping[str, Any]:
        if isinstance(found, Remote):
            told: Mapping[str, Any] = found.get(f"/api/focus/{day}/metadata", {"version": wanted.version})
            return told
        return metadata(found, day, wanted.version, utc_now())

    def pieces() -> Iterable[bytes]:
        if isinstance(found, Remote):
            return found.stream(f"/api/focus/{day}", {"version": wanted.version, "format": wanted.format})
        return rows(found, day, wanted.version, wanted.format)

    return write_day(folder / f"focus-{day}.{wanted.format}", describe, pieces)


def _days(wanted: Wanted, now: datetime) -> Iterator[date]:
    if bool(wanted.day) == bool(wanted.start or wanted.end):
        raise ValueError("name a day, or the days with --from and --to")
    if wanted.day:
        yield parse_day(wanted.day, now)
        return
    if not wanted.start or not wanted.end:
        raise ValueError("name both --from and --to")
    day, last = parse_day(wanted.start, now), parse_day(wanted.end, now + timedelta(days=1)) - timedelta(days=1)
    if day > last:
        raise ValueError("--from must be before --to: turn them round")
    while day <= last:
        yield day
        day += timedelta(days=1)


def _told(written: Written) -> str:
    told = written.metadata
    share = (
        "no attempts"
        if told["priced_share"] is None
        else f"{told['priced_share']:.1%} of {told['attempts']} attempts priced"
    )
    state = "written" if written.is_new else "unchanged"
    return f"{written.file.name}: {told['rows']} rows, ${told['sums']['BilledCost']}, {share}, {state}\n"
