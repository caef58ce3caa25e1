"""What the demo shows in the terminal: a live table where there is one, plain lines elsewhere."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from typing import Any, Final, Protocol

from rich.console import Console
from rich.live import Live
from rich.progress import Progress
from rich.table import Table

from server.demo.outcome import Outcome

_LINE_EVERY_S: Final = 5.0


class Screen(Protocol):
    """Shows one summary after the other."""

    def show(self, summary: Mapping[str, Any]) -> None:
        """Show this summary, and what has happened since the last one."""
        ...


class Notes:
    """Progress and trouble, on standard error."""

    def __init__(self) -> None:
        self._console = Console(stderr=True, highlight=False, markup=False)

    def say(self, text: str) -> None:
        """One line."""
        self._console.print(text, soft_wrap=True)

    @contextlib.contextmanager
    def progress(self, what: str, total: int) -> Iterator[Callable[[int], None]]:
        """Yields what to call with how many are done: a bar in a terminal, a line every five seconds elsewhere."""
        if self._console.is_terminal:
            with Progress(console=self._console, transient=True) as bar:
                task = bar.add_task(what, total=total)
                yield lambda done: bar.update(task, completed=done)
            return
        said_at = time.monotonic()

        def advance(done: int) -> None:
            nonlocal said_at
            if time.monotonic() - said_at >= _LINE_EVERY_S:
                said_at = time.monotonic()
                self.say(f"{done} of {total} {what}")

        yield advance


class News:
    """Finds in each summary what the ones before did not tell: alerts that fire and resolve, findings."""

    def __init__(self) -> None:
        self._told: set[tuple[str, ...]] = set()

    def of(self, summary: Mapping[str, Any]) -> list[str]:
        """What is new, one line each."""
        lines: dict[tuple[str, ...], str] = {}
        for alert in summary["alerts"]:
            name, labels = alert["alert"], _labels(alert["labels"])
            lines[name, labels, "firing", alert["fired_at"]] = f"ALERT    {name}: {alert['summary']}"
            if alert["resolved_at"]:
                lines[name, labels, "resolved", alert["resolved_at"]] = f"RESOLVED {name}: {labels}"
        for each in summary["findings"]:
            finding = each["finding"].removeprefix("drift: ")
            lines[each["team"], each["app"], each["kind"]] = f"DRIFT    {each['team']}/{each['app']}: {finding}"
        new = [line for key, line in lines.items() if key not in self._told]
        self._told |= lines.keys()
        return new


class LiveScreen:
    """A table that is drawn anew with each summary; news scroll by above it."""

    def __init__(self, live: Live) -> None:
        self._live = live
        self._news = News()

    def show(self, summary: Mapping[str, Any]) -> None:
        """See Screen."""
        for line in self._news.of(summary):
            self._live.console.print(line, style="bold" if line.startswith("ALERT") else "", markup=False)
        self._live.update(teams_table(summary["teams"]), refresh=True)


class LineScreen:
    """One line every few seconds, and one for each piece of news."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._news = News()
        self._said_at = time.monotonic()

    def show(self, summary: Mapping[str, Any]) -> None:
        """See Screen."""
        for line in self._news.of(summary):
            self._console.print(line, soft_wrap=True)
        if time.monotonic() - self._said_at >= _LINE_EVERY_S:
            self._said_at = time.monotonic()
            for team in summary["teams"]:
                named = zip(_COLUMNS, _cells(team), strict=True)
                self._console.print("  ".join(f"{name} {cell}" for name, cell in named), soft_wrap=True)


@contextlib.contextmanager
def open_screen(url: str) -> Iterator[Screen]:
    """The screen for this terminal, after one line with the page's address."""
    console = Console(highlight=False, markup=False)
    console.print(f"Page: {url}   (Ctrl-C ends the demo)", soft_wrap=True)
    if console.is_terminal:
        with Live(console=console, auto_refresh=False) as live:
            yield LiveScreen(live)
    else:
        yield LineScreen(console)


def print_outcome(outcome: Outcome) -> None:
    """The outcome for people."""
    console = Console(highlight=False, markup=False)
    console.print(
        f"{outcome.calls} calls made {outcome.attempts} attempts: {outcome.stored} stored, {outcome.lost} lost, "
        f"{outcome.duplicates} counted twice.",
        soft_wrap=True,
    )
    for team, cost in outcome.cost_by_team.items():
        billed, estimated = outcome.provider_cost_by_team.get(team), outcome.estimated_by_team.get(team, "0")
        beside = "" if estimated == "0" else f", and about ${estimated} for streams that told no usage"
        console.print(f"  {team}: ${cost} (the provider's own log: ${billed}){beside}", soft_wrap=True)
    console.print(f"The cost of {outcome.priced_share:.1%} of the attempts is known.", soft_wrap=True)
    for line in News().of({"alerts": outcome.alerts, "findings": outcome.findings}):
        console.print(line, soft_wrap=True)


_COLUMNS: Final = ("team", "calls", "cost", "priced", "p95", "429", "errors")


def teams_table(teams: list[Mapping[str, Any]]) -> Table:
    """One row per team."""
    table = Table(box=None, padding=(0, 1))
    for name in _COLUMNS:
        table.add_column(name, justify="left" if name == "team" else "right", no_wrap=True)
    for team in teams:
        table.add_row(*_cells(team))
    return table


def _cells(team: Mapping[str, Any]) -> tuple[str, ...]:
    attempts = max(1, team["attempts"])
    return (
        team["team"],
        str(team["operations"]),
        "unknown" if team["cost"] is None else f"${Decimal(team['cost']):.4f}",
        f"{team['priced'] / attempts:.1%}",
        "–" if team["felt_p95_ms"] is None else f"{team['felt_p95_ms'] / 1000:.2f} s",
        f"{team['rate_limited'] / attempts:.1%}",
        f"{team['errors'] / attempts:.1%}",
    )


def _labels(labels: Mapping[str, str]) -> str:
    return ", ".join(f"{name} = {text}" for name, text in labels.items() if name != "alertname")
