"""What went in compared with what is stored."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from server.demo.bill import bill
from server.demo.plan import ALERT, DRIFTING, SPEND_ALERT
from server.demo.provider import Answered


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """The result of a run. Money is in US dollars, as text with every digit.

    `calls` are those of the apps' code, `attempts` the requests that the provider answered: client libraries retry.
    `stored` counts different attempts; `duplicates` are those that the totals count more than once. `priced_share` is
    the share of attempts whose cost is known. A stream that told no usage has an estimated cost, which is not in
    `cost_by_team` but in `estimated_by_team`: the provider's log has nothing to compare it with.
    """

    calls: int
    attempts: int
    stored: int
    lost: int
    duplicates: int
    cost_by_team: dict[str, str]
    provider_cost_by_team: dict[str, str]
    estimated_by_team: dict[str, str]
    priced_share: float
    alerts: list[dict[str, Any]]
    findings: list[dict[str, Any]]
    page: str

    def document(self) -> dict[str, Any]:
        """The outcome as a JSON object."""
        return asdict(self)

    def gaps(self) -> list[str]:
        """What is wrong with the numbers, one sentence each; nothing when all that went in is counted once."""
        found = []
        if self.stored != self.attempts or self.lost:
            found.append(f"{self.stored} of {self.attempts} attempts are stored, {self.lost} are lost")
        if self.duplicates:
            found.append(f"{self.duplicates} attempts are counted more than once")
        if self.cost_by_team != self.provider_cost_by_team:
            found.append(f"the provider's own log says that the teams cost {self.provider_cost_by_team}")
        return found

    def silences(self) -> list[str]:
        """Which conclusions are missing, one sentence each."""
        fired = {each["alert"] for each in self.alerts}
        found = [f"the alert {alert} did not fire" for alert in (ALERT, SPEND_ALERT) if alert not in fired]
        if not any(each["team"] == DRIFTING for each in self.findings):
            found.append(f"the new topic of the team {DRIFTING} was not found")
        return found


def is_settled(summary: dict[str, Any], attempts: int) -> bool:
    """Whether everything that the provider answered is stored and counted, and the ledger misses nothing.

    The ledger is rolled up before the totals: of what arrives between the two it hears with the next roll-up.
    """
    calls = summary["calls"]
    is_counted = calls["stored"] >= attempts and calls["counted"] >= calls["stored"]
    return bool(is_counted and not any(each["missing"] for each in summary["producers"]))


def compare(calls: int, answered: Sequence[Answered], summary: dict[str, Any], page: str, at: datetime) -> Outcome:
    """The outcome of a run of so many `calls`, at the prices of `at`. Raises NoPrice."""
    counts, teams = summary["calls"], summary["teams"]
    # What the producers know to be gone counts too: it would show even if the provider had not seen it.
    known_lost = sum(each["missing"] + each["dropped"] for each in summary["producers"])
    return Outcome(
        calls=calls,
        attempts=len(answered),
        stored=counts["stored"],
        lost=max(len(answered) - counts["stored"], known_lost, counts["dead_letters"]),
        duplicates=max(counts["counted"] - counts["stored"], 0),
        cost_by_team={each["team"]: _dollars(_told(each)) for each in teams},
        provider_cost_by_team={team: _dollars(cost) for team, cost in sorted(bill(answered, at).items())},
        estimated_by_team={each["team"]: _dollars(each["estimated_cost"]) for each in teams},
        priced_share=sum(each["priced"] for each in teams) / max(1, counts["counted"]),
        alerts=[{**each, "resolved": each["resolved_at"] is not None} for each in summary["alerts"]],
        findings=summary["findings"],
        page=page,
    )


def _told(team: dict[str, Any]) -> Decimal | None:
    """The cost of what the provider told the usage of."""
    return None if team["cost"] is None else Decimal(team["cost"]) - Decimal(team["estimated_cost"])


def _dollars(amount: Decimal | str | None) -> str:
    return "unknown" if amount is None else format(Decimal(amount).normalize(), "f")
