"""What was found about the spend of a day, in one sentence for people."""

from __future__ import annotations

from datetime import date
from typing import Final

from analyzers.anomalies import Assessment, Explanation

_CLEAR: Final = 0.005
"""Shares that differ by less are called equal."""


def spend_sentence(
    team: str, day: date, found: Assessment, why: Explanation | None, known: float, usually_known: float
) -> str:
    """What `team` spent, what was expected, and why; an anomaly begins with "anomaly:".

    `why` compares with a week before. `known` is the share of the attempts whose cost is known, `usually_known` that of
    the weeks before. Amounts are US dollars.
    """
    when = f"on {day}" if found.rule == "day" else f"in the 7 days to {day}"
    said = [
        f"{'anomaly: ' if found.is_anomaly else ''}{team} spent {dollars(found.actual)} {when}, "
        f"{found.ratio:.1f} times the expected {dollars(found.expected)}",
        *([_reason(why, found)] if why else []),
        *([_coverage(known, usually_known)] if known < 1 or abs(known - usually_known) >= _CLEAR else []),
    ]
    return "; ".join(said)


def dollars(amount: float, plus: str = "") -> str:
    """US dollars and cents; `plus` stands before what is not negative."""
    return f"{'-' if amount < 0 else plus}${abs(amount):,.2f}"


def _reason(why: Explanation, found: Assessment) -> str:
    before = "the same day a week before" if found.rule == "day" else "the 7 days before"
    effects = ", ".join(f"{name} {dollars(getattr(why, name), '+')}" for name in ("price", "volume", "mix"))
    if why.top is None:
        return f"against {before} {effects}"
    return f"against {before} {effects}, and what stands out is {why.top.named} with {dollars(why.top.change, '+')}"


def _coverage(known: float, usually_known: float) -> str:
    said = f"the cost is known for {known:.1%} of the attempts"
    if known <= usually_known - _CLEAR:
        return f"{said}, before for {usually_known:.1%}: more was spent than this"
    if known >= usually_known + _CLEAR:
        return f"{said}, before for {usually_known:.1%}: a part of the rise is knowledge, not spend"
    return said
