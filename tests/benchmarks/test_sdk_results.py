"""What the comparison of instrumentations makes of its measurements."""

from __future__ import annotations

import json
import runpy
from types import SimpleNamespace

import pytest
from repository import ROOT

results = SimpleNamespace(**runpy.run_path(str(ROOT / "benchmarks/sdk/results.py"), run_name="results"))


def pair(bare: list[int], hooked: list[int]):
    """One block a round, of three calls that took the same number of microseconds."""
    return results.Pair([[us * 1000] * 3 for us in bare], [[us * 1000] * 3 for us in hooked])


def cost(**numbers: float):
    known = dict.fromkeys(results.Cost.__dataclass_fields__, 0.0)
    return results.Cost(**(known | numbers))


def test_a_machine_that_slows_down_between_two_rounds_changes_nothing():
    assert pair([1000, 1000, 4000], [1040, 1040, 4040]).added_us() == 40


def test_one_disturbed_round_changes_nothing():
    assert pair([1000, 1000, 1000], [1040, 1040, 9000]).added_us() == 40


def test_the_p99_is_by_nearest_rank():
    assert results.percentile(range(1, 101), 99) == 99
    assert results.percentile([7], 99) == 7


def test_the_p99_is_of_all_calls_of_a_side():
    assert pair([1000] * 100, [1000] * 98 + [1200] * 2).p99_increase_us() == 200


def test_a_chunk_costs_what_a_stream_costs_more_than_a_plain_call():
    cpu = {"unary": pair([1000], [1040]), "stream": pair([5000], [5146]), "big_prompt": pair([1500], [1580])}
    found = results.cost(cpu, cpu["unary"], 90.0, [{"start_ms": 3.0, "rss_mb": 1.0}], events=53)
    assert (found.unary_us, found.stream_us, found.chunk_us, found.big_prompt_us) == (40, 146, 2, 80)


def test_the_summary_has_the_numbers_with_goals_and_the_peers():
    costs = {"null": cost(unary_us=1.0), "tokentide": cost(unary_us=41.26), "langfuse": cost(unary_us=318.0)}
    found = results.summary(costs, import_ms=4.0)
    assert set(found) == {*results.GOALS, "peers"}
    assert (found["unary_us"], found["import_ms"], found["peers"]) == (41.26, 4.0, {"langfuse": 318.0})
    assert json.loads(json.dumps(found)) == found


@pytest.mark.parametrize("number", ["one call", "chunk", "100 KB", "memory"])
def test_the_table_has_a_column_for_every(number: str):
    head, line, row = results.table({"tokentide": cost(unary_us=41.26)}, {"tokentide": "ours"}).splitlines()
    assert number in head
    assert head.count("|") == line.count("|") == row.count("|")
    assert row.startswith("| ours | +41 µs |")
