import threading
from datetime import datetime, timedelta

import pytest
from alert_scenarios import Notebook, insert_calls
from conftest import NOW

from alerts.config import AlertsConfig
from alerts.rule import RuleError
from alerts.run import pause, run
from store.connection import Store

CONFIG = AlertsConfig.model_validate({"interval_s": 30, "delay_s": 10, "rules": {"RateLimitRatioHigh": {"for": "30s"}}})


class Time(threading.Event):
    """A clock that moves only while somebody waits, and says stop when its time is up."""

    def __init__(self, lasts: timedelta) -> None:
        super().__init__()
        self.now, self._end = NOW, NOW + lasts

    def wait(self, timeout: float | None = None) -> bool:
        self.now += timedelta(seconds=timeout or 0)
        if self.now >= self._end:
            self.set()
        return self.is_set()

    def clock(self) -> datetime:
        return self.now


def test_the_program_evaluates_at_every_interval_until_it_is_stopped(store: Store) -> None:
    insert_calls(store, "call_minutes", NOW - timedelta(minutes=1), NOW, model="m", attempts=100, rate_limited=50)
    notebook, time = Notebook(), Time(timedelta(minutes=10))
    run(store, CONFIG, time, time.clock, [notebook])
    assert [news.status for news in notebook.told] == ["firing", "resolved"]
    assert notebook.told[0].starts_at == NOW


def test_it_waits_for_the_next_instant_but_not_longer_than_a_failed_delivery() -> None:
    assert pause(NOW + timedelta(seconds=12), CONFIG) == timedelta(seconds=5)
    assert pause(NOW + timedelta(seconds=39), CONFIG) == timedelta(seconds=1)
    assert pause(NOW + timedelta(seconds=40), CONFIG) == timedelta(seconds=5)


def test_it_does_not_start_with_a_wrong_rule(store: Store) -> None:
    wrong = AlertsConfig.model_validate({"rules": {"Nothing": {"for": "1m"}}})
    with pytest.raises(RuleError, match="there is no such alert"):
        run(store, wrong, threading.Event(), lambda: NOW)
