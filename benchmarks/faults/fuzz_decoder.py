"""Coverage-guided fuzzing of the decoder: any bytes are exactly one line, report or dead letter.

It needs the package `atheris`, which the project does not install:

    python benchmarks/faults/fuzz_decoder.py FOLDER tests/collector/fuzz/corpus -max_total_time=300 -max_len=2000

New inputs go to FOLDER. What the store makes of the lines is tested in tests/collector/fuzz, which also replays the
corpus.
"""

from __future__ import annotations

import sys
from datetime import datetime, timedelta, timezone

import atheris
from tokentide.version import VERSION

with atheris.instrument_imports(include=["collector"]):
    from collector.decode import Decoder
    from collector.price_book.resolve import Resolver
    from collector.record import Record

NOW = datetime(2026, 11, 20, 12, 0, 0, tzinfo=timezone.utc)
DECODER = Decoder(Resolver(), VERSION, 10_000, timedelta(days=30), timedelta(minutes=10))


def check(body: bytes) -> None:
    """Raises what the decoder lets out, and AssertionError when a record has no fate or two."""
    batch = DECODER.decode([Record("calls/0", 0, body)], NOW)
    assert len(batch.lines) + len(batch.reports) + len(batch.dead_letters) == 1, body
    for line in batch.lines:
        assert line.json.startswith(body.strip()[:-1] + b',"price_key":'), body
        assert batch.minutes, body
    for report in batch.reports:
        assert line_end(report.json) == b'"received_at":"2026-11-20T12:00:00.000Z"}', body


def line_end(line: bytes) -> bytes:
    return line[line.rindex(b",") + 1 :]


def main() -> None:
    atheris.Setup(sys.argv, check)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
