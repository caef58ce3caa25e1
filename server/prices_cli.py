"""The sub-commands of `tokentide prices`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from server.config import Config, load
from server.options import AskOption, ConfigOption, FormatOption, LetOption

prices = typer.Typer(
    help="What models cost: ask the price book, change it, and price calls again.", no_args_is_help=True
)

DryRunOption = Annotated[bool, typer.Option("--dry-run", help="Only say what would change.")]
TierOption = Annotated[str, typer.Option(help="Service tier: batch, flex, priority, fast; standard when left away.")]
HostOption = Annotated[str, typer.Option(help="Host that answers, as events name it.")]
RegionOption = Annotated[str, typer.Option(help="Region, as events name it; a step says what it changes.")]
AtOption = Annotated[str, typer.Option(help="When the call starts: 2026-11-01, 2026-11-01T12:00:00Z; else now.")]
TeamOption = Annotated[str, typer.Option(help="Team whose contracts hold.")]
AccountOption = Annotated[str, typer.Option(help="Account whose contracts hold, before those of the team.")]
ReleaseOption = Annotated[
    bool, typer.Option("--release", help="By the price book of this release, whatever the store says.")
]
_ADMIN = "/api/admin/prices"


def _settings(file: Path | None) -> Config:
    return load(file)


@prices.command("resolve")
def resolve_command(
    provider: Annotated[str, typer.Argument(help="Provider, as events name it.")],
    model: Annotated[str, typer.Argument(help="Model, as events name it.")],
    host: HostOption = "",
    tier: TierOption = "",
    region: RegionOption = "",
    at: AtOption = "",
    team: TeamOption = "",
    account: AccountOption = "",
    release: ReleaseOption = False,
    server: AskOption = None,
    config: ConfigOption = None,
) -> None:
    """Explain which model of the price book a name means, and what it costs. The exit code is 1 without a price.

    The price book is that of the store, with its overrides and contracts; without a store that of this release.
    """
    from server.price_lookup_command import print_resolution

    asked = {"provider": provider, "model": model, "host": host, "tier": tier, "region": region, "at": at}
    asked |= {"team": team, "account": account}
    raise typer.Exit(0 if print_resolution(_settings(config), asked, server, release) else 1)


@prices.command("cost")
def cost_command(
    provider: Annotated[str, typer.Option(help="Provider, as events name it.")],
    model: Annotated[str, typer.Option(help="Model, as events name it.")],
    usage: Annotated[str, typer.Option(help='Counts as JSON: \'{"input_tokens": 1000, "output_tokens": 200}\'.')],
    host: HostOption = "",
    tier: TierOption = "",
    region: RegionOption = "",
    at: AtOption = "",
    team: TeamOption = "",
    account: AccountOption = "",
    release: ReleaseOption = False,
    server: AskOption = None,
    config: ConfigOption = None,
) -> None:
    """Say what a usage costs, part by part. The exit code is 1 without a price. `resolve` says by which price book."""
    from server.price_lookup_command import print_cost

    asked = {
        "provider": provider,
        "model": model,
        "host": host,
        "tier": tier,
        "region": region,
        "at": at,
        "usage": usage,
    }
    asked |= {"team": team, "account": account}
    raise typer.Exit(0 if print_cost(_settings(config), asked, server, release) else 1)


@prices.command("cases")
def cases_command(
    file: Annotated[Path, typer.Argument(help="JSON list of cases: usage, and what it should cost.")],
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
    config: ConfigOption = None,
) -> None:
    """Price a file of cases and compare. A case is right within half a per cent. The exit code is 1 if one is not."""
    from server.prices_command import print_cases

    raise typer.Exit(0 if print_cases(_settings(config), file, json) else 1)


@prices.command("update")
def update_command(
    source: Annotated[str, typer.Argument(help="Price file, or the http address of one.")],
    reason: Annotated[str, typer.Option(help="Why: it is kept for ever.")],
    layer: Annotated[
        Literal["override", "contract"], typer.Option(help="override: other list prices; contract: what you pay.")
    ] = "override",
    allow_gaps: Annotated[
        bool, typer.Option("--allow-gaps", help="Let entries leave out times, hours or sizes between them.")
    ] = False,
    dry_run: DryRunOption = False,
    server: LetOption = None,
    config: ConfigOption = None,
) -> None:
    """Record own prices or a contract. They hold for new calls; `reprice` applies them to those of the past."""
    from server.owner import ask_owner
    from server.price_lists import print_rates
    from server.prices import updated
    from server.prices_command import new_name_lines, read_price_file

    asked = {
        "text": read_price_file(source),
        "name": source,
        "layer": layer,
        "reason": reason,
        "allow_gaps": allow_gaps,
        "dry_run": dry_run,
    }
    settings = _settings(config)
    done = ask_owner(
        settings,
        f"{_ADMIN}/update",
        lambda store, asked, clock: updated(store, settings, asked, clock),
        asked,
        server,
    )
    print_rates(done["changes"])
    for warning in done["warnings"]:
        typer.echo(f"warning: {warning}", err=True)
    if dry_run:
        typer.echo(f"{done['statements']} statements are valid; nothing was written")
    else:
        since = f"they hold for calls from {done['calls_from']} on"
        typer.echo(f"{done['statements']} statements are update {done['update']}; {since}")
        for line in new_name_lines(done["names"]):
            typer.echo(line)


@prices.command("reprice")
def reprice_command(
    start: Annotated[str, typer.Option("--from", help="First day or hour: 2026-11-01, 2026-11-01T12:00:00Z.")],
    end: Annotated[str, typer.Option("--to", help="End, not included.")],
    reason: Annotated[str, typer.Option(help="Why: it is kept for ever.")],
    dry_run: DryRunOption = False,
    server: LetOption = None,
    config: ConfigOption = None,
) -> None:
    """Price calls of the past with what the price book says now. The old cost is kept, every change on record."""
    from server.owner import ask_owner
    from server.prices import repriced_by_command
    from server.prices_command import print_changes

    settings = _settings(config)
    asked = {"from": start, "to": end, "reason": reason, "dry_run": dry_run}
    done = ask_owner(
        settings,
        f"{_ADMIN}/reprice",
        lambda store, asked, clock: repriced_by_command(store, settings, asked, clock),
        asked,
        server,
    )
    print_changes(done, dry_run)


@prices.command("unresolved")
def unresolved_command(
    last: Annotated[str, typer.Option(help="How far back: 24h, 7d.")] = "7d",
    limit: Annotated[int, typer.Option(help="Most names.", min=1, max=1000)] = 50,
    format: FormatOption = "table",
    server: AskOption = None,
    config: ConfigOption = None,
) -> None:
    """List the names of models without a price of their own, how much they are used, and what they may mean.

    Calls answered by such a name are priced as the requested model where that has a price: what it says is theirs.
    """
    from server.price_lists import print_unresolved

    print_unresolved(_settings(config), last, limit, format, server)


@prices.command("history")
def history_command(
    format: FormatOption = "table",
    server: AskOption = None,
    config: ConfigOption = None,
) -> None:
    """List every change of the price book and every cost version, with its reason."""
    from server.price_lists import print_history

    print_history(_settings(config), format, server)
