"""The overview's rows of money: budgets, what changed, what is out of the ordinary, and what money was spent for."""

from __future__ import annotations

from typing import Final

from dashboards.panel import Column, Panel, Row

_BUDGETS: Final = Panel(
    number=51,
    title="Budgets and where they lead",
    description="How every budget stands in its period, of all teams, by the newest evaluation of the day before the "
    "end of the range. The forecast is of the period's end, with the band that holds it with a "
    "probability of 80 %. Burn = how many times as fast as the budget allows money was spent in the last "
    "hour, day and three days. Priced = share of the period's attempts whose cost is known; the others are not in "
    "what is spent.",
    query="budgets",
    kind="table",
    width=24,
    height=6,
    columns=(
        Column(name="state", title="State", unit="state"),
        Column(name="budget", title="Budget"),
        Column(name="period", title="Period"),
        Column(name="amount", title="Amount", unit="usd"),
        Column(name="actual", title="Spent", unit="usd"),
        Column(name="used", title="Used", unit="ratio"),
        Column(name="forecast", title="Forecast", unit="usd"),
        Column(name="low", title="From", unit="usd"),
        Column(name="high", title="To", unit="usd"),
        Column(name="burn_1h", title="Burn 1h", unit="count"),
        Column(name="burn_24h", title="Burn 24h", unit="count"),
        Column(name="burn_72h", title="Burn 72h", unit="count"),
        Column(name="priced", title="Priced", unit="ratio"),
        Column(name="note", title="Note"),
    ),
    empty="No budget has calls yet: write a table [budgets.NAME] with amount and period into the settings.",
)

_ANOMALIES: Final = Panel(
    number=52,
    title="Spend anomalies",
    description="Days of the 30 before the end of the range on which a team, or all together, spent unusually much, "
    "or in the week that ended then. Priced = share of that day's attempts whose cost is known.",
    query="spend_anomalies",
    kind="table",
    width=12,
    columns=(
        Column(name="day", title="Day"),
        Column(name="team", title="Team"),
        Column(name="spent", title="Spent", unit="usd"),
        Column(name="expected", title="Expected", unit="usd"),
        Column(name="ratio", title="Times", unit="count"),
        Column(name="priced", title="Priced", unit="ratio"),
        Column(name="finding", title="Finding"),
    ),
    empty="No team's spend was out of the ordinary on the last 30 days. A team is judged after 49 days of calls.",
)

_MOVERS: Final = Panel(
    number=53,
    title="Top movers",
    description="The 50 combinations of team and model whose cost differs most from that of as long a time before the "
    "range. Priced = share of the attempts whose cost is known, now and before: where they differ, part "
    "of the change is knowledge, not spend.",
    query="top_movers",
    kind="table",
    width=12,
    columns=(
        Column(name="team", title="Team"),
        Column(name="model", title="Model"),
        Column(name="cost", title="Cost", unit="usd"),
        Column(name="previous", title="Before", unit="usd"),
        Column(name="change", title="Change", unit="usd"),
        Column(name="priced", title="Priced", unit="ratio"),
        Column(name="previously_priced", title="Priced before", unit="ratio"),
    ),
    empty="Nobody called a model in this range or in the one before.",
)

_VIEWS: Final = Panel(
    number=54,
    title="What money was spent for",
    description="By team: what attempts cost, and each of them; what of it was for attempts that were tried "
    "again and for streams that the app left; what the provider's cache saved of the price of input, and what "
    "answers of the app's own cache would have cost. The last four are measured every minute, without calls that "
    "come later. Priced = share of the attempts whose cost is known; the others are in no amount.",
    query="money_views",
    kind="table",
    width=24,
    height=6,
    columns=(
        Column(name="team", title="Team"),
        Column(name="cost", title="Cost", unit="usd"),
        Column(name="per_call", title="Per call", unit="usd"),
        Column(name="retries", title="Retries", unit="usd"),
        Column(name="abandoned", title="Abandoned", unit="usd"),
        Column(name="cache_savings", title="Saved by cache", unit="usd"),
        Column(name="app_cache_saved", title="Saved by app", unit="usd"),
        Column(name="priced", title="Priced", unit="ratio"),
    ),
    empty="Nobody spent anything in this range.",
)

MONEY: Final = (
    Row(number=107, title="Budgets", panels=(_BUDGETS,)),
    Row(number=108, title="Changes of spend", panels=(_MOVERS, _ANOMALIES)),
    Row(number=109, title="Money", panels=(_VIEWS,)),
)
