"""What is recorded here, where it goes and whether it arrives: `python -m tokentide.doctor [--json]`.

It takes the settings of the environment, as an app without arguments would, and sends one event that is marked as a
test. It prints no secret. The exit code is 0 when the event has arrived and nothing is wrong, else 1.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import platform
import re
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass, fields
from datetime import datetime, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any, Final, NamedTuple

from tokentide.call import LLMCall, ProducerReport
from tokentide.config import Settings, load, set_in_environment
from tokentide.hooks.libraries import Found, look
from tokentide.identifiers import uuid7
from tokentide.spool import spool_folder
from tokentide.transports import open_transport
from tokentide.version import VERSION

SEND_TIMEOUT_S: Final = 5.0
_USER_OF_AN_ADDRESS: Final = re.compile(r"[^\s/'\",]+@")
_HIDDEN: Final = "***"
_REMEDY: Final = {
    "http": "`tokentide up` starts an intake, TOKENTIDE_ENDPOINT says where it is; till then calls wait on disk",
    "kafka": "TOKENTIDE_KAFKA_BOOTSTRAP says where the brokers are, and TOKENTIDE_KAFKA_CLIENT what they ask for, "
    "such as a login; till then calls wait on disk",
    "memory": "",
}


class Setting(NamedTuple):
    """A setting in force. `origin` is the environment variable that says it, or "default"."""

    name: str
    value: str
    origin: str


@dataclass(frozen=True, slots=True)
class Spooled:
    """The folder that keeps events while the far side is away. `trouble` is empty when it can be written.

    `waiting_bytes` are those for the destination in force, `other_bytes` those for other destinations.
    """

    folder: str
    trouble: str
    waiting_bytes: int
    other_bytes: int


@dataclass(frozen=True, slots=True)
class Findings:
    """All that the doctor found. `problems` need something to be done, `advice` is worth a thought."""

    version: str
    python: str
    libraries: list[Found]
    destination: str
    spool: Spooled
    settings: list[Setting]
    arrived: bool
    test_event: str
    problems: list[str]
    advice: list[str]

    @property
    def well(self) -> bool:
        """Whether the test event arrived and nothing is wrong."""
        return self.arrived and not self.problems


def examine(environ: Mapping[str, str] | None = None) -> Findings:
    """Look at everything; `environ` stands in for the environment of the process."""
    with _messages() as mistakes:
        settings = load(environ)
    hide, libraries, spool = _hider(settings), look(), look_at_spool(settings)
    arrived, said = send_test_event(settings, datetime.now(timezone.utc))
    return Findings(
        version=VERSION,
        python=platform.python_version(),
        libraries=libraries,
        destination=hide(_destination(settings)),
        spool=spool,
        settings=list(_settings(settings, set_in_environment(environ), mistakes, hide)),
        arrived=arrived,
        test_event=hide(said),
        problems=[*map(hide, mistakes), *_problems(libraries, spool)],
        advice=list(_advice(settings, libraries, spool)),
    )


def look_at_spool(settings: Settings) -> Spooled:
    """What waits in the spool, and whether this user can write there. Nothing is made or changed."""
    folder = spool_folder(settings)
    there = next(place for place in (folder, *folder.parents) if os.path.exists(place))
    trouble = ""
    if not there.is_dir():
        trouble = f"{there} is not a folder"
    elif not os.access(there, os.W_OK | os.X_OK):
        trouble = f"this user may not write to {there}"
    elif there == folder and hasattr(os, "geteuid") and folder.stat().st_uid != os.geteuid():
        trouble = f"{folder} belongs to another user"
    segments = {path: _size(path) for path in settings.spool_dir.glob("*/*.segment")}
    waiting = sum(size for path, size in segments.items() if path.parent == folder)
    return Spooled(str(folder), trouble, waiting, sum(segments.values()) - waiting)


def send_test_event(settings: Settings, now: datetime) -> tuple[bool, str]:
    """Send one event, with the report of its producer, past queue and spool; whether it arrived, and what was said."""
    producer = uuid7()
    event = LLMCall(
        call_id=uuid7(),
        operation_id=uuid7(),
        producer_id=producer,
        seq=1,
        sdk_version=VERSION,
        started_at=now,
        team=settings.team,
        app=settings.app,
        environment=settings.environment,
        provider="tokentide",
        operation="doctor",
        provider_reported_cost=Decimal(0),
        status="ok",
    )
    report = ProducerReport(
        report_id=uuid7(), producer_id=producer, reported_at=now, emitted=1, closed=True, app=settings.app
    )
    try:
        with closing(open_transport(settings)) as transport:
            started = time.perf_counter()
            transport.send([event.to_json(), report.to_json()], SEND_TIMEOUT_S)
            took_ms = (time.perf_counter() - started) * 1000
    except Exception as error:  # noqa: BLE001  # whatever a transport raises is the finding
        return False, f"it did not arrive: {str(error).rstrip('.')}. {_REMEDY[settings.transport]}"
    answer = getattr(transport, "answered", "")
    if re.search(r'"dead_letters": ?[1-9]', answer):
        return False, f"it was refused: {_destination(settings)} answered {answer}"
    said = f" and answered {answer}" if answer else ""
    return True, f"it arrived: {_destination(settings)} took it in {took_ms:.0f} ms{said}"


def text_of(found: Findings) -> str:
    """The findings for people."""
    lines = [f"tokentide {found.version} on Python {found.python}", "", "Client libraries"]
    installed = [library for library in found.libraries if library.state != "absent"]
    lines += [f"  {each.name:<14} {each.version:<9} {_said_of(each)}" for each in installed]
    if absent := [each.name for each in found.libraries if each.state == "absent"]:
        lines.append(f"  not installed: {', '.join(absent)}")
    spool = found.spool
    lines += ["", "Where events go", f"  {found.destination}"]
    lines.append(
        f"  meanwhile in {spool.folder}: {spool.trouble or 'can be written'}, {_amount(spool.waiting_bytes)} wait"
    )
    lines += ["", "Settings in force; arguments of tokentide.instrument() in your code win over these"]
    lines += [f"  {each.name:<20} {each.value or '(empty)':<28} {each.origin}" for each in found.settings]
    for title, sentences in (("To put right", found.problems), ("To consider", found.advice)):
        if sentences:
            lines += ["", title, *(f"  - {sentence}" for sentence in sentences)]
    lines += ["", "Test event", f"  {found.test_event}"]
    return "\n".join(lines) + "\n"


def main(arguments: Sequence[str] | None = None) -> int:
    """The command; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tokentide.doctor", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of text")
    as_json = parser.parse_args(arguments).json
    found = examine()
    sys.stdout.write(json.dumps(_plain(found), indent=2) + "\n" if as_json else text_of(found))
    return 0 if found.well else 1


@contextmanager
def _messages() -> Iterator[list[str]]:
    """What tokentide logs inside the block, in the place of the log."""
    logger, said = logging.getLogger("tokentide"), list[str]()

    def keep(record: logging.LogRecord) -> bool:
        said.append(record.getMessage())
        return False

    logger.addFilter(keep)
    try:
        yield said
    finally:
        logger.removeFilter(keep)


def _destination(settings: Settings) -> str:
    if settings.transport == "http":
        return f"the intake at {settings.endpoint}"
    if settings.transport == "kafka":
        return f"topic {settings.kafka_topic} of Kafka at {settings.kafka_bootstrap}"
    return "the memory of this process"


def _settings(
    settings: Settings, said: Mapping[str, str], mistakes: list[str], hide: Callable[[str], str]
) -> Iterator[Setting]:
    for field in fields(settings):
        value, variable = getattr(settings, field.name), said.get(field.name, "")
        is_used = variable and not any(mistake.startswith(f"{variable} ") for mistake in mistakes)
        shown = ", ".join(value) if isinstance(value, tuple) else "" if value is None else str(value)
        if not field.repr:
            shown = _HIDDEN if value else ""
        yield Setting(field.name, hide(shown), variable if is_used else "default")


def _problems(libraries: list[Found], spool: Spooled) -> Iterator[str]:
    for each in libraries:
        if each.state == "unrecorded":
            yield f"calls of {each.name} {each.version} are not recorded, or only as plain HTTP requests: {each.note}"
    if spool.trouble:
        yield f"calls are lost while the far side is away, because {spool.trouble}: set TOKENTIDE_SPOOL_DIR"


def _advice(settings: Settings, libraries: list[Found], spool: Spooled) -> Iterator[str]:
    for name in ("team", "app"):
        if not getattr(settings, name):
            variable = f"TOKENTIDE_{name.upper()}"
            yield f"no {name} is set: calls whose code says none count as 'unattributed'; set {variable}"
    if settings.transport == "memory":
        yield "the transport memory is for tests: nothing leaves the process"
    for each in libraries:
        if each.state == "untried":
            note = each.note or "it is recorded"
            yield f"{each.name} {each.version} is no version that tokentide was tried with; {note}. Check its calls"
    if spool.other_bytes:
        yield (
            f"{_amount(spool.other_bytes)} wait in {Path(spool.folder).parent} for other destinations or tokens, "
            "until a process with those settings runs"
        )


def _said_of(found: Found) -> str:
    said = {"recorded": "recorded", "untried": "recorded, but not tried in this version", "unrecorded": "NOT recorded"}
    hooks = ", ".join(dict.fromkeys(".".join(name.split(".")[-2:]) for name in found.hooks))
    return "; ".join(part for part in (said[found.state], found.note, hooks) if part)


def _amount(size: int) -> str:
    return f"{size / 1e6:.1f} MB" if size >= 100_000 else f"{size} bytes"


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:  # delivered a moment ago
        return 0


def _hider(settings: Settings) -> Callable[[str], str]:
    """What makes a text fit to be shown: without secrets, and without whoever an address names before its @."""
    said = [getattr(settings, field.name) for field in fields(settings) if not field.repr]
    said += [value for name, value in settings.kafka_client.items() if "password" in name]
    secrets = [value for value in said if value and isinstance(value, str)]

    def hide(text: str) -> str:
        for secret in secrets:
            text = text.replace(secret, _HIDDEN)
        return _USER_OF_AN_ADDRESS.sub(f"{_HIDDEN}@", text)

    return hide


def _plain(found: Findings) -> dict[str, Any]:
    return {**asdict(found), "settings": [setting._asdict() for setting in found.settings], "well": found.well}


if __name__ == "__main__":
    sys.exit(main())
