from __future__ import annotations

from conftest import NOW
from events import a_call
from prometheus_client import CollectorRegistry
from running_pipeline import running_pipeline, wait_until

from collector.config import CollectorConfig
from collector.lag import Lag
from collector.sources.http import HttpIntake
from store.connection import Store

NOON = NOW.timestamp()


def test_the_oldest_chunk_in_hand_decides_and_grows_with_the_time() -> None:
    lag = Lag()
    lag.hold(100.0)
    lag.hold(90.0)
    assert (lag.seconds(110.0), lag.seconds(400.0)) == (20.0, 310.0)
    assert lag.release(90.0, 410.0) == 320.0
    assert lag.seconds(410.0) == 310.0


def test_between_two_chunks_it_is_that_of_the_last_one_and_none_once_nothing_is_left() -> None:
    lag = Lag()
    lag.hold(100.0)
    lag.release(100.0, 160.0)
    assert lag.seconds(500.0) == 60.0
    lag.rest()
    assert lag.seconds(500.0) == 0.0


def test_a_clock_that_is_behind_is_no_lag() -> None:
    lag = Lag()
    lag.hold(100.0)
    assert (lag.seconds(40.0), lag.release(100.0, 40.0)) == (0.0, 0.0)


def test_the_gauges_go_on_while_the_store_takes_nothing(store: Store) -> None:
    trouble, registry = ["the disk has 3 MiB left"], CollectorRegistry()
    intake = HttpIntake(CollectorConfig(batch_rows=1), now=lambda: NOON - 300)

    def gauge(name: str) -> float | None:
        return registry.get_sample_value(f"tokentide_collector_{name}", {"source": "http"})

    with running_pipeline(intake, store, registry=registry, trouble=lambda: "".join(trouble)):
        answers = [intake.submit([a_call(seq=n).to_json()]) for n in range(5)]
        # One is tried again and again, one is read and waits behind it.
        wait_until(lambda: gauge("lag_records") == 3)
        assert gauge("lag_seconds") == 300
        answers += [intake.submit([a_call(seq=n).to_json()]) for n in range(5, 15)]
        assert gauge("lag_records") == 13
        trouble.clear()
        assert sum(answer.result(timeout=30).stored for answer in answers) == 15
        wait_until(lambda: (gauge("lag_records"), gauge("lag_seconds")) == (0, 0))
