"""Our state machine against Prometheus: promtool evaluates the same series with the same rules."""

import random
import subprocess
from pathlib import Path

import pytest
import yaml
from alert_timeline import names, rule
from conftest import needs

STEPS = 40
WAITS = [(0, 0), (3, 0), (5, 0), (0, 4), (2, 3), (5, 5)]
Series = dict[str, list[float | None]]


def random_series(seed: int, count: int = 40) -> Series:
    """Series that stay true or false for a while, with gaps."""
    source = random.Random(seed)
    series: Series = {}
    for number in range(count):
        high, values = source.random() < 0.4, []
        for _ in range(STEPS):
            high ^= source.random() < 0.25
            values.append(None if source.random() < 0.07 else float(high))
        series[f"s{number}"] = values
    return series


def rule_file() -> dict[str, object]:
    rules = [
        {"alert": f"A{n}", "expr": "m > 0.5", "for": f"{hold}m", "keep_firing_for": f"{keep}m"}
        for n, (hold, keep) in enumerate(WAITS)
    ]
    return {"groups": [{"name": "g", "rules": rules}]}


def expectations(series: Series) -> dict[str, object]:
    """What our state machine says, written as promtool's expectations for every alert at every minute."""
    written = [
        {"series": f'm{{id="{name}"}}', "values": " ".join("stale" if v is None else f"{v:g}" for v in values)}
        for name, values in series.items()
    ]
    expected = []
    for number, (hold, keep) in enumerate(WAITS):
        of = rule(**{"for": f"{hold}m", "keep_firing_for": f"{keep}m"})
        states = {name: names(of, values) for name, values in series.items()}
        for minute in range(STEPS):
            firing = [{"exp_labels": {"id": name}} for name in series if states[name][minute] == "firing"]
            expected.append({"eval_time": f"{minute}m", "alertname": f"A{number}", "exp_alerts": firing})
    test = {"interval": "1m", "input_series": written, "alert_rule_test": expected}
    return {"rule_files": ["rules.yaml"], "evaluation_interval": "1m", "tests": [test]}


@pytest.mark.parametrize("seed", range(3))
def test_prometheus_agrees_on_every_state(seed: int, tmp_path: Path) -> None:
    promtool = needs("/usr/bin/promtool", "prometheus")
    (tmp_path / "rules.yaml").write_text(yaml.safe_dump(rule_file()))
    (tmp_path / "test.yaml").write_text(yaml.safe_dump(expectations(random_series(seed))))
    done = subprocess.run([promtool, "test", "rules", "test.yaml"], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, (done.stdout + done.stderr)[-2000:]
