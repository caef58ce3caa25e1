"""Memory of `tokentide up` while it takes 1,000 events a second over HTTP, everything running."""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from datetime import datetime, timezone
from pathlib import Path

import httpx
from events import events

RATE = 1_000
BATCH = 100


def resident_mb(pid: int) -> float:
    """Resident memory of a process in MB."""
    status = Path(f"/proc/{pid}/status").read_text("utf-8")
    return int(status.split("VmRSS:")[1].split()[0]) / 1024


def send(client: httpx.Client, seconds: int, pid: int) -> tuple[list[float], int, list[float]]:
    """Send for `seconds`; returns the memory samples, the events sent, and the seconds that each answer took."""
    samples, answers, sent = [], [], 0
    source = events(seconds * RATE, datetime.now(timezone.utc), RATE)
    begin = time.monotonic()
    while sent < seconds * RATE:
        time.sleep(max(0.0, begin + sent / RATE - time.monotonic()))
        body = b"\n".join(next(source) for _ in range(BATCH))
        asked = time.monotonic()
        client.post("/v1/events", content=body).raise_for_status()
        answers.append(time.monotonic() - asked)
        sent += BATCH
        if sent % RATE == 0:
            samples.append(resident_mb(pid))
    return samples, sent, answers


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=90)
    seconds = parser.parse_args().seconds
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "server.cli", "up", "--port", "0"]
        process = subprocess.Popen(command, cwd=folder, stderr=subprocess.PIPE, text=True, env=dict(os.environ))
        try:
            assert process.stderr
            address = next(line.split()[-1] for line in process.stderr if "listens on" in line)
            with httpx.Client(base_url=address, timeout=60) as client:
                begin = time.monotonic()
                samples, sent, answers = send(client, seconds, process.pid)
                elapsed = time.monotonic() - begin
        finally:
            process.terminate()
            process.wait(60)
    answers.sort()
    found = {
        "events_per_s": round(sent / elapsed),
        "rss_mb_peak": round(max(samples)),
        "rss_mb_end": round(samples[-1]),
        "answer_ms_p50": round(answers[len(answers) // 2] * 1000, 1),
        "answer_ms_p99": round(answers[int(len(answers) * 0.99)] * 1000, 1),
    }
    print(json.dumps(found))


if __name__ == "__main__":
    main()
