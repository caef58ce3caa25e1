"""What a far side that is away or slow does to an app, and whether anything is lost.

An app in a process of its own makes calls through an HTTP client whose answers come from memory, hooked as any app is.
Meanwhile its intake refuses connections, accepts and never answers, or takes a second for each answer. When the app has
ended, the intake comes back, and a second process of the same app delivers what the first one left on disk.
The program prints a Markdown table and ends with one JSON line.
"""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final, NamedTuple

APP: Final = """
import json, os, sys, time
import httpx2
import tokentide

endpoint, spool, calls, rate = sys.argv[1], sys.argv[2], int(sys.argv[3]), float(sys.argv[4])
answer = json.dumps({"id": "c", "model": "gpt-5-mini", "choices": [{"message": {"content": "In the app. " * 60}}],
                     "usage": {"prompt_tokens": 12, "completion_tokens": 240, "total_tokens": 252}})
asked = {"model": "gpt-5-mini", "messages": [{"role": "user", "content": "How do I top up my card? " * 20}]}
client = httpx2.Client(transport=httpx2.MockTransport(lambda request: httpx2.Response(200, text=answer)))
errors, worst = 0, 0.0

def resident_mb():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6

def call():
    global errors, worst
    started = time.perf_counter()
    try:
        client.post("https://api.openai.com/v1/chat/completions", json=asked)
    except Exception:
        errors += 1
    worst = max(worst, time.perf_counter() - started)

for _ in range(200):
    call()
tokentide.instrument(endpoint=endpoint, spool_dir=spool, content="full", app="bench")
before, errors, worst, begun = resident_mb(), 0, 0.0, time.monotonic()
for number in range(calls):
    call()
    if rate:
        time.sleep(max(0.0, begun + (number + 1) / rate - time.monotonic()))
seconds = time.monotonic() - begun
time.sleep(float(sys.argv[5]))
print(json.dumps({"errors": errors, "worst_ms": round(worst * 1e3, 1), "rss_growth_mb": round(resident_mb() - before, 1),
                  "seconds": round(seconds, 1), "ended": time.time()}), flush=True)
"""
REPLAY: Final = """
import pathlib, sys, time
import tokentide
tokentide.instrument(endpoint=sys.argv[1], spool_dir=sys.argv[2], app="bench")
end = time.monotonic() + 120
with tokentide.record(provider="bench", model="last"):
    pass
while time.monotonic() < end and any(pathlib.Path(sys.argv[2]).rglob("*.segment")):
    tokentide.flush(1)
    time.sleep(0.2)
"""


class Scenario(NamedTuple):
    """`answers_after_s` None never answers; a port that is closed has no intake at all. A rate of 0 is full speed.

    The app ends `lives_on_s` after its last call.
    """

    name: str
    is_there: bool
    answers_after_s: float | None
    calls: int
    rate: float = 0
    lives_on_s: float = 0


SCENARIOS: Final = (
    Scenario("refuses connections", False, 0, 3_000),
    Scenario("accepts and never answers", True, None, 3_000),
    Scenario("takes 1 s, burst of 20,000", True, 1.0, 20_000, lives_on_s=10),
    Scenario("takes 1 s, burst of 20,000, at once the end", True, 1.0, 20_000),
    Scenario("takes 1 s, 1,000/s for 20 s", True, 1.0, 20_000, 1_000),
)


class Intake:
    """The calls and the reports that have arrived, in the order of their arrival."""

    def __init__(self, answers_after_s: float | None) -> None:
        self.answers_after_s = answers_after_s
        self.calls: list[tuple[str, int]] = []
        self.reports: dict[str, dict[str, Any]] = {}
        self.over = threading.Event()

    def take(self, records: bytes) -> bool:
        """Whether they are acknowledged."""
        if self.over.wait(self.answers_after_s) or self.answers_after_s is None:
            return False
        for record in map(json.loads, filter(None, records.split(b"\n"))):
            if "call_id" in record:
                self.calls.append((record["producer_id"], record["seq"]))
            else:
                self.reports[record["producer_id"]] = record
        return True


@contextmanager
def serving(intake: Intake, port: int = 0) -> Iterator[int]:
    """The intake at a port of loopback."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            taken = intake.take(gzip.decompress(body) if self.headers.get("Content-Encoding") == "gzip" else body)
            if not taken:
                self.close_connection = True
                return
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"{}")

        def log_message(self, *_: object) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    try:
        yield server.server_address[1]
    finally:
        intake.over.set()
        server.shutdown()
        server.server_close()


def run(scenario: Scenario, spool: Path) -> dict[str, Any]:
    """What the app saw, how long its end took, and what was lost in the end."""
    away, back = Intake(scenario.answers_after_s), Intake(0)
    with serving(away) as port:
        said = app(port, spool, scenario) if scenario.is_there else {}
    said = said or app(port, spool, scenario)  # nobody listens any more
    with serving(back, port):
        command = [sys.executable, "-c", REPLAY, f"http://127.0.0.1:{port}", str(spool)]
        subprocess.run(command, check=True, capture_output=True, timeout=180)
    arrived = away.calls + back.calls
    reports = away.reports | back.reports
    dropped = {reason: count for report in reports.values() for reason, count in report["dropped"].items()}
    lost = scenario.calls - (len(set(arrived)) - 1)  # one more call is the second process's
    return {**said, "lost": lost, "dropped": dropped, "repeated": len(arrived) - len(set(arrived))}


def app(port: int, spool: Path, scenario: Scenario) -> dict[str, Any]:
    """What the app prints, and the seconds from its last line to its end."""
    address = f"http://127.0.0.1:{port}"
    asked = [str(scenario.calls), str(scenario.rate), str(scenario.lives_on_s)]
    command = [sys.executable, "-c", APP, address, str(spool), *asked]
    done = subprocess.run(command, check=True, capture_output=True, text=True, timeout=300)
    said: dict[str, Any] = json.loads(done.stdout)
    return {**said, "exit_s": round(time.time() - said.pop("ended"), 2), "log_lines": len(done.stderr.splitlines())}


def main() -> None:
    found = {}
    for scenario in SCENARIOS:
        print(f"the intake {scenario.name} …", file=sys.stderr)
        with tempfile.TemporaryDirectory() as folder:
            found[scenario.name] = run(scenario, Path(folder) / "spool")
    print(
        "| the intake | calls | app errors | slowest call | memory | exit | log lines | lost | of it told | sent twice |"
    )
    print("|---" * 10 + "|")
    for scenario in SCENARIOS:
        each = found[scenario.name]
        print(
            f"| {scenario.name} | {scenario.calls:,} in {each['seconds']} s | {each['errors']} | {each['worst_ms']} ms"
            f" | {each['rss_growth_mb']:+} MB | {each['exit_s']} s | {each['log_lines']} | {each['lost']} | {sum(each['dropped'].values())}"
            f" | {each['repeated']} |"
        )
    print()
    print(json.dumps(found))


if __name__ == "__main__":
    main()
