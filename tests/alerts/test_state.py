from dataclasses import replace
from datetime import timedelta

import pytest
from alert_timeline import LABELS, MINUTE, inactive, names, reading, rule, timeline
from conftest import NOW

from alerts.state import BLIND_FOR, AlertState, Reading, advance, clear, hold, step, transitions

I, P, F, R = "inactive", "pending", "firing", "resolved"  # noqa: E741


@pytest.mark.parametrize(
    ("sentence", "fields", "values", "expected"),
    [
        ("without `for` it fires at once", {}, [1], [F]),
        ("the threshold itself does not fire", {}, [0.5], [I]),
        ("it waits for `for`", {"for": "2m"}, [1, 1, 1], [P, P, F]),
        ("one miss resets pending", {"for": "2m"}, [1, 1, 0, 1, 1, 1], [P, P, I, P, P, F]),
        ("a missing row is a miss", {"for": "2m"}, [1, None, 1], [P, I, P]),
        ("it resolves when the condition ends", {}, [1, 0], [F, R]),
        ("it keeps firing for a while", {"keep_firing_for": "2m"}, [1, 0, 0, 0], [F, F, F, R]),
        ("a hit restarts keep_firing_for", {"keep_firing_for": "2m"}, [1, 0, 0, 1, 0, 0, 0], [F, F, F, F, F, F, R]),
        ("between the thresholds it stays", {"clear_below": 0.3}, [0.4, 0.6, 0.4, 0.3, 0.2, 0.4], [I, F, F, F, R, R]),
        ("clear_below does not help pending", {"clear_below": 0.3, "for": "1m"}, [0.6, 0.4, 0.6], [P, I, P]),
        ("an alert resolved lately resolves again", {"for": "2m"}, [1, 1, 1, 0, 1, 0], [P, P, F, R, P, R]),
        (
            "on_missing keep leaves it as it is",
            {"on_missing": "keep", "for": "1m"},
            [1, None, 1, None, 0],
            [P, P, F, F, R],
        ),
        ("resolved is kept for 15 minutes", {}, [1] + [0] * 16, [F] + [R] * 15 + [I]),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_the_state_follows_the_values(
    sentence: str, fields: dict[str, object], values: list[float | None], expected: list[str]
) -> None:
    assert names(rule(**fields), values) == expected


def test_a_limit_of_the_row_replaces_the_threshold() -> None:
    assert step(inactive(), reading(7, limit=5), rule(fire_above=None), NOW).state == F
    assert step(inactive(), reading(7, limit=9), rule(fire_above=None), NOW).state == I


def test_the_instants_of_an_alert_tell_its_story() -> None:
    last = timeline(rule(**{"for": "2m"}), [1, 1, 1, 0])[-1]
    assert (last.active_at, last.fired_at, last.resolved_at) == (NOW, NOW + 2 * MINUTE, NOW + 3 * MINUTE)


def test_firing_again_is_a_new_story() -> None:
    last = timeline(rule(), [1, 0, 1])[-1]
    assert (last.fired_at, last.resolved_at) == (NOW + 2 * MINUTE, None)


def test_texts_stay_as_they_were_while_it_fired() -> None:
    fired = step(inactive(), Reading(LABELS, 0.9, 0.5, {"summary": "90 %"}), rule(), NOW)
    over = step(fired, Reading(LABELS, 0.1, 0.5, {"summary": "10 %"}), rule(), NOW + MINUTE)
    assert (over.state, over.value, over.annotations) == (R, 0.1, {"summary": "90 %"})


def test_identity_is_the_labels_and_not_the_value_or_their_order() -> None:
    first = Reading({"a": "1", "b": "2"}, 1, 0)
    assert first.fingerprint == Reading({"b": "2", "a": "1"}, 9, 3).fingerprint
    assert first.fingerprint != Reading({"a": "1", "b": "3"}, 1, 0).fingerprint


@pytest.mark.parametrize("state", [P, F])
def test_a_failing_query_changes_nothing_for_an_hour(state: str) -> None:
    before = replace(inactive(), state=state, active_at=NOW, fired_at=NOW)
    assert hold(before, NOW + BLIND_FOR) == before
    assert hold(before, NOW + BLIND_FOR + MINUTE).state == {P: I, F: R}[state]


def test_waiting_goes_on_after_a_short_outage_and_begins_anew_after_a_long_one() -> None:
    waiting = timeline(rule(**{"for": "2h"}), [1])[-1]
    for outage, active_at in ((timedelta(minutes=59), NOW), (timedelta(minutes=61), NOW + timedelta(minutes=61))):
        assert step(waiting, reading(1), rule(**{"for": "2h"}), NOW + outage).active_at == active_at


def test_an_announced_alert_survives_any_outage() -> None:
    firing = timeline(rule(), [1])[-1]
    later = NOW + timedelta(days=2)
    assert step(firing, reading(1), rule(), later).fired_at == NOW
    assert step(firing, reading(0), rule(), later).state == R


def test_every_alert_of_a_rule_advances_and_unknown_ones_begin() -> None:
    known = {"f": timeline(rule(), [1])[-1]}
    new = Reading({"alertname": "Test", "team": "ads"}, 1, 0.5)
    quiet = Reading({"alertname": "Test", "team": "ops"}, 0, 0.5)
    after = advance(known, [new, quiet], rule(), NOW + MINUTE)
    assert {key: state.state for key, state in after.items()} == {"f": R, new.fingerprint: F}
    assert {(t.from_state, t.to_state) for t in transitions(known, after)} == {(F, R), (I, F)}


def test_an_alert_that_ends_for_good_forgets_everything_but_its_identity() -> None:
    fired = timeline(rule(), [1, 0])[-1]
    ended = clear(replace(fired, evaluated_at=NOW + timedelta(hours=1)))
    assert ended == AlertState(rule="Test", fingerprint="f", labels=LABELS, evaluated_at=NOW + timedelta(hours=1))
