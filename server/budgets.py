"""How the budgets stand, over HTTP or straight from a store."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from starlette.routing import Route

from analyzers.budget.burn import Burn
from analyzers.budget.config import BudgetsConfig
from analyzers.budget.latch import Reached, reached
from analyzers.budget.spend import read_spending
from analyzers.budget.status import BudgetStatus, evaluate_all
from server.json_routes import read_route
from server.keeping import Clock
from store.connection import Store


def status(store: Store, config: BudgetsConfig, now: datetime) -> list[dict[str, Any]]:
    """Every budget at `now`: amount, actual, forecast, burn rates, state, and which thresholds are on record.

    Amounts are known costs, None where there are calls and none has one; `note` says what is not known, and when no
    call ever fitted. Raises StoreError.
    """
    budgets, zone = config.named(), config.zone()
    spending = {name: read_spending(store, budget, now, zone) for name, budget in budgets.items()}
    on_record = reached(store, now)
    return [
        _told(one, [past for past in on_record if past[:3] == (one.name, one.period.start, one.period.end)])
        for one in evaluate_all(budgets, spending, now, zone)
    ]


def routes(store: Store, config: BudgetsConfig, clock: Clock) -> list[Route]:
    """`GET /api/budgets` → how every budget stands: see `status`."""

    return [read_route("/api/budgets", lambda request: {"budgets": status(store, config, clock())})]


def _told(one: BudgetStatus, on_record: Sequence[Reached]) -> dict[str, Any]:
    found = one.forecast
    return {
        "budget": one.name,
        "period": one.period.kind,
        "first_day": one.period.first_day.isoformat(),
        "period_start": one.period.start,
        "period_end": one.period.end,
        "amount_usd": one.amount,
        "actual_usd": one.actual if one.is_known else None,
        "used_share": one.used_share if one.is_known else None,
        "attempts": one.attempts,
        "priced_share": one.priced_share,
        "forecast_usd": _cents(found.expected) if found else None,
        "forecast_low_usd": _cents(found.low) if found else None,
        "forecast_high_usd": _cents(found.high) if found else None,
        "forecast_exceeds": one.forecast_exceeds,
        "state": one.state,
        "verdict": one.verdict,
        "burn": [_burn(burn) for burn in one.burns],
        "thresholds": [
            {"threshold": past.threshold, "reached_at": past.reached_at, "actual_usd": past.actual}
            for past in on_record
        ],
        "note": note(one),
    }


def note(one: BudgetStatus) -> str:
    """What a reader of the amounts must know besides them; empty when there is nothing."""
    said = [one.caveat] if one.caveat else []
    fastest = max((burn for burn in one.burns if burn.fires), key=lambda burn: burn.rate, default=None)
    if fastest is not None:
        rule = fastest.rule
        said.append(f"{rule.severity}: over {rule.name} it burns {fastest.rate:.1f} times as fast as it may")
    return "; ".join(said)


def _burn(burn: Burn) -> dict[str, Any]:
    return {
        "long_window_s": int(burn.rule.long.total_seconds()),
        "short_window_s": int(burn.rule.short.total_seconds()),
        "severity": burn.rule.severity,
        "limit": burn.rule.limit,
        "long_rate": burn.long_rate,
        "short_rate": burn.short_rate,
        "spent_usd": burn.spent,
        "fires": burn.fires,
    }


def _cents(estimate: float) -> Decimal:
    """An estimate has no more digits than that."""
    return Decimal(f"{estimate:.2f}")
