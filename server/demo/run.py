"""`tokentide demo`: three teams' apps call two providers, and every call is followed to totals, alerts and findings."""

from __future__ import annotations

import contextlib
import importlib.util
import json
import shutil
import signal
import sys
import tempfile
from collections.abc import Iterator
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, Final

from server.demo.outcome import Outcome, compare, is_settled
from server.demo.plan import DemoOptions
from server.demo.processes import DemoError
from server.demo.screen import Notes, Screen, open_screen, print_outcome
from server.demo.stage import Stage
from server.kafka_broker import KafkaBrokerError

__all__ = ["DemoOptions", "run_demo"]

INTERRUPTED: Final = 130
_SETTLE_PATIENCE_S: Final = 90.0
_CONCLUSIONS_PATIENCE_S: Final = 30.0
_LAST_CALLS_S: Final = 30.0
_LAST_WORDS_S: Final = 15.0


def run_demo(options: DemoOptions) -> int:
    """Run the demo; returns the exit code: 0 when everything that went in came out, counted once.

    With `once` the alert and the drift must have been found as well. 130 means interrupted before there was a result.
    """
    notes = Notes()
    try:
        _check_clients()
        with _interruptible(), _folder(options) as folder, Stage(options, folder, notes.say) as stage:
            outcome = _once(stage, options, notes) if options.once else _live(stage, options, notes)
    except KeyboardInterrupt:
        return INTERRUPTED
    except (DemoError, KafkaBrokerError) as error:
        notes.say(f"tokentide demo: {error}")
        return 1
    wrong = outcome.gaps() + (outcome.silences() if options.once else [])
    if options.json:
        sys.stdout.write(json.dumps(outcome.document()) + "\n")
    else:
        print_outcome(outcome)
    for sentence in wrong:
        notes.say(f"Wrong: {sentence}.")
    return 1 if wrong else 0


def _check_clients() -> None:
    missing = [name for name in ("openai", "anthropic") if importlib.util.find_spec(name) is None]
    if missing:
        raise DemoError(f"the apps need {' and '.join(missing)}: pip install 'tokentide-server[demo]'")


def _once(stage: Stage, options: DemoOptions, notes: Notes) -> Outcome:
    with notes.progress("calls", options.calls) as advance:
        for summary in stage.summaries(every_s=0.5, patience_s=60.0 + 3 * options.calls / options.rate):
            advance(sum(team["operations"] for team in summary["teams"]))
            if all(app.served for app in stage.apps):
                break
    notes.say("Waiting until everything is stored and counted …")
    _settle(stage, _SETTLE_PATIENCE_S)
    notes.say("Waiting for the alert and the drift …")
    for summary in stage.summaries(every_s=0.5, patience_s=_CONCLUSIONS_PATIENCE_S):
        if not _outcome(stage, summary).silences():
            break
    return _end(stage)


def _live(stage: Stage, options: DemoOptions, notes: Notes) -> Outcome:
    minutes = options.minutes
    with contextlib.suppress(KeyboardInterrupt), open_screen(stage.tokentide.url) as screen:
        _watch(stage, screen, float("inf") if minutes is None else minutes * 60)
    with _uninterruptible():
        notes.say("Stopping: the last calls are on their way …")
        for app in stage.apps:
            app.stop_calling()
        for _ in stage.summaries(every_s=0.2, patience_s=_LAST_CALLS_S):
            if all(app.served for app in stage.apps):
                break
        _settle(stage, _LAST_CALLS_S)
        return _end(stage)


def _watch(stage: Stage, screen: Screen, patience_s: float) -> None:
    for summary in stage.summaries(every_s=1.0, patience_s=patience_s):
        screen.show(summary)


def _settle(stage: Stage, patience_s: float) -> None:
    for summary in stage.summaries(every_s=0.3, patience_s=patience_s):
        if is_settled(summary, len(stage.provider.log.answered)):
            return


def _end(stage: Stage) -> Outcome:
    for app in stage.apps:
        app.leave()
    for app in stage.apps:
        app.wait()
    # With its last word an app says how much it emitted, and only now can the ledger tell whether all of it is there.
    _settle(stage, _LAST_WORDS_S)
    return _outcome(stage, stage.summary())


def _outcome(stage: Stage, summary: dict[str, Any]) -> Outcome:
    calls = sum(app.served.operations for app in stage.apps if app.served)
    now = datetime.now(timezone.utc)
    return compare(calls, list(stage.provider.log.answered), summary, stage.tokentide.url, now)


@contextlib.contextmanager
def _folder(options: DemoOptions) -> Iterator[Path]:
    if options.data_dir is not None:
        options.data_dir.mkdir(parents=True, exist_ok=True)
        if any(options.data_dir.iterdir()):
            raise DemoError(f"{options.data_dir} is not empty: choose a new folder for the demo's data")
        yield options.data_dir.absolute()
        return
    folder = Path(tempfile.mkdtemp(prefix="tokentide-demo-"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def _interruptible() -> Iterator[None]:
    """SIGTERM ends the demo as Ctrl-C does, so that it leaves no process behind."""

    def interrupt(number: int, frame: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt), signal.signal(signal.SIGINT, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before[0])
        signal.signal(signal.SIGINT, before[1])


@contextlib.contextmanager
def _uninterruptible() -> Iterator[None]:
    """What happens inside has deadlines of its own: a second Ctrl-C must not leave processes behind."""
    before = signal.signal(signal.SIGTERM, signal.SIG_IGN), signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before[0])
        signal.signal(signal.SIGINT, before[1])
