from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from alert_scenarios import Notebook
from alert_timeline import MINUTE, inactive, rule, timeline
from conftest import NOW
from hypothesis import given, settings
from hypothesis import strategies as st

from alerts.channels.channel import Cadence, DeliveryFailed, Notification, RetryLater
from alerts.notify import LONGEST_ASKED_WAIT, LONGEST_WAIT, Courier, cause, due, wait_after
from alerts.state import RESOLVED_FOR, AlertState

HOURLY = Cadence(firing=timedelta(hours=1), resolved=None)
FEED = Cadence(firing=MINUTE, resolved=MINUTE)
FIRING, RESOLVED = timeline(rule(), [1, 0])
AGAIN_PENDING = timeline(rule(**{"for": "1m"}), [1, 1, 0, 1])[-1]
AGAIN_FIRING = timeline(rule(), [1, 0, 1])[-1]


@pytest.mark.parametrize(
    ("state", "sent", "cadence", "at", "expected"),
    [
        (inactive(), None, FEED, 0, None),
        (timeline(rule(**{"for": "1m"}), [1])[0], None, FEED, 0, None),
        (FIRING, None, HOURLY, 0, "first"),
        (FIRING, 0, HOURLY, 59, None),
        (FIRING, 0, HOURLY, 60, "repeat"),
        (RESOLVED, 0, HOURLY, 1, "resolved"),
        (RESOLVED, None, HOURLY, 1, "resolved"),
        (RESOLVED, 1, HOURLY, 14, None),
        (RESOLVED, 1, FEED, 2, "repeat"),
        (AGAIN_PENDING, 1, HOURLY, 3, "resolved"),
        (AGAIN_PENDING, 2, HOURLY, 3, None),
        (AGAIN_FIRING, 1, HOURLY, 2, "first"),
    ],
)
def test_why_somebody_is_told(
    state: AlertState, sent: int | None, cadence: Cadence, at: int, expected: str | None
) -> None:
    sent_at = None if sent is None else NOW + sent * MINUTE
    assert cause(state, sent_at, cadence, NOW + at * MINUTE) == expected


def test_news_are_grouped_by_rule_and_quiet_rules_do_not_announce_an_end() -> None:
    states = [FIRING, replace(RESOLVED, fingerprint="g"), replace(RESOLVED, rule="Other")]
    groups = due(states, Notebook(), NOW + MINUTE, quiet={"Other"})
    assert {name: [news.status for news in group] for name, group in groups.items()} == {"Test": ["firing", "resolved"]}


@settings(deadline=None)
@given(st.lists(st.sampled_from([0.0, 1.0]), max_size=80), st.sets(st.integers(0, 79)), st.integers(0, 3))
def test_a_receiver_away_for_less_than_15_minutes_believes_the_truth_when_it_is_back(
    series: list[float | None], away: set[int], wait: int
) -> None:
    sent_at: datetime | None = None
    believed = "resolved"
    for minute, state in enumerate(timeline(rule(**{"for": f"{wait}m"}), series)):
        if minute in away and minute % 14:
            continue
        at = NOW + minute * MINUTE
        if cause(state, sent_at, Cadence(None, None), at) is not None:
            sent_at, believed = at, "firing" if state.state == "firing" else "resolved"
        assert (believed == "firing") == (state.state == "firing")


def test_waits_grow_and_are_bounded() -> None:
    waits = [wait_after(failures, None).total_seconds() for failures in range(1, 9)]
    assert waits == [5, 10, 20, 40, 80, 160, 300, 300]
    assert wait_after(10_000, None) == LONGEST_WAIT


def test_a_receiver_that_asks_for_a_wait_gets_it_unless_an_end_would_be_lost() -> None:
    assert wait_after(7, timedelta(seconds=2)) == timedelta(seconds=2)
    assert wait_after(1, timedelta(days=1)) == LONGEST_ASKED_WAIT < RESOLVED_FOR


def group(name: str) -> dict[str, list[Notification]]:
    return due([replace(FIRING, rule=name, fingerprint=name)], Notebook(), NOW)


def test_a_channel_that_cannot_take_it_is_left_alone_for_a_while() -> None:
    notebook = Notebook()
    courier = Courier(notebook)
    notebook.trouble = RetryLater("rate_limited", "busy", timedelta(seconds=90))
    assert courier.deliver(group("A"), NOW) == []
    notebook.trouble = None
    assert courier.deliver(group("A"), NOW + timedelta(seconds=89)) == []
    assert len(courier.deliver(group("A"), NOW + timedelta(seconds=90))) == 1


def test_refused_news_do_not_hold_up_other_rules() -> None:
    notebook = Notebook()
    courier = Courier(notebook)
    notebook.trouble = DeliveryFailed("client_error", "400")
    assert courier.deliver(group("A"), NOW) == []
    notebook.trouble = None
    assert [news.rule for news in courier.deliver(group("A") | group("B"), NOW + MINUTE)] == ["B"]
    assert len(courier.deliver(group("A"), NOW + LONGEST_WAIT)) == 1


def test_news_that_the_channel_could_not_take_come_after_the_others_next_time() -> None:
    notebook = Notebook()
    courier = Courier(notebook)
    notebook.trouble = RetryLater("server_error", "500")
    courier.deliver(group("A") | group("B"), NOW)
    notebook.trouble = None
    assert [news.rule for news in courier.deliver(group("A") | group("B"), NOW + MINUTE)] == ["B", "A"]
