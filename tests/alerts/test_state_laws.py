from alert_timeline import MINUTE, names, rule, timeline
from hypothesis import given, settings
from hypothesis import strategies as st

from alerts.rule import Rule

values = st.lists(st.none() | st.sampled_from([0.0, 0.2, 0.4, 0.6, 1.0]), max_size=60)
minutes = st.integers(0, 8)


@st.composite
def rules(draw: st.DrawFn) -> Rule:
    clear_below = draw(st.none() | st.sampled_from([0.0, 0.3, 0.5]))
    numbers = {"for": f"{draw(minutes)}m", "keep_firing_for": f"{draw(minutes)}m", "clear_below": clear_below}
    return rule(on_missing=draw(st.sampled_from(["ok", "keep"])), **numbers)


@settings(deadline=None)
@given(rules(), values)
def test_it_never_fires_before_it_waited(of: Rule, series: list[float | None]) -> None:
    for state in timeline(of, series):
        if state.state == "firing":
            assert state.fired_at is not None
            assert state.active_at is not None
            assert state.fired_at - state.active_at >= of.for_


@settings(deadline=None)
@given(rules(), values)
def test_it_always_ends_when_the_condition_stays_false(of: Rule, series: list[float | None]) -> None:
    false = [-1.0] * (1 + of.keep_firing_for // MINUTE)
    assert names(of, series + false)[-1] in ("resolved", "inactive")
    assert names(of, series + false + [-1.0] * 15)[-1] == "inactive"


@settings(deadline=None)
@given(rules(), values)
def test_the_same_values_give_the_same_states(of: Rule, series: list[float | None]) -> None:
    assert timeline(of, series) == timeline(of, series)


@settings(deadline=None)
@given(rules(), values)
def test_it_fires_only_on_a_value_above_the_threshold(of: Rule, series: list[float | None]) -> None:
    before = "inactive"
    for value, name in zip(series, names(of, series), strict=True):
        if name == "firing" and before != "firing":
            assert value is not None
            assert value > 0.5
        before = name
