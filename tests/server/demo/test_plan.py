from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokentide.config import load as load_sdk

from server import config
from server.demo.behaviour import Arrival
from server.demo.plan import FEWEST_CALLS, DemoOptions, app_settings, behaviour, orders, server_settings

ARRIVAL = Arrival(
    number=0,
    at=datetime(2026, 11, 20, tzinfo=timezone.utc),
    provider="openai",
    operation="chat",
    model="gpt-5-mini",
    team="search",
    retry=0,
    stream=False,
    prompt="",
)


@given(st.integers(FEWEST_CALLS, 10_000))
def test_the_apps_make_as_many_calls_as_were_asked_for(calls: int) -> None:
    planned = orders(DemoOptions(once=True, calls=calls))
    assert sum(each.calls or 0 for each in planned) == calls


@given(st.floats(0.5, 200))
def test_the_topic_changes_after_the_reference_is_complete(rate: float) -> None:
    options = DemoOptions(rate=rate)
    (drifting,) = [each for each in orders(options) if each.new_topic_at is not None]
    reference = int(server_settings(options, Path("/d"), "", None)["TOKENTIDE_ANALYZERS__DRIFT_REFERENCE_SAMPLES"])
    assert drifting.new_topic_at is not None
    assert drifting.new_topic_at > reference


def test_too_few_calls_for_a_drift_are_refused() -> None:
    with pytest.raises(ValueError, match="240 calls or more"):
        DemoOptions(calls=FEWEST_CALLS - 1)


@pytest.mark.parametrize("once", [True, False])
@pytest.mark.parametrize("bootstrap", [None, "127.0.0.1:9"])
def test_the_programs_accept_their_settings(
    once: bool, bootstrap: str | None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    for name, text in server_settings(DemoOptions(once=once), tmp_path, "http://127.0.0.1:1", bootstrap).items():
        monkeypatch.setenv(name, text)
    loaded = config.load()
    assert loaded.alerts.interval_s == 2
    assert loaded.collector.sources == (("kafka", "http") if bootstrap else ("http",))


def test_the_apps_accept_their_settings(tmp_path: Path) -> None:
    settings = load_sdk(app_settings(tmp_path, "http://127.0.0.1:1", "http://127.0.0.1:2", None))
    assert settings.endpoint == "http://127.0.0.1:2"
    assert settings.spool_dir == tmp_path / "spool"


def test_the_provider_refuses_one_model_in_the_second_quarter_of_its_requests_only() -> None:
    provider = behaviour(DemoOptions(once=True, calls=800))
    asked = [replace(ARRIVAL, number=3 * n + 500, of_model=n) for n in range(280)]
    refused = [each.of_model for each in asked if provider.plan(each).http_status == 429]
    assert 70 <= min(refused) < max(refused) < 140
    assert 0.3 < len(refused) / 70 < 0.5
    assert not [each for each in asked if provider.plan(replace(each, model="m")).http_status == 429]
