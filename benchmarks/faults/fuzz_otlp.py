"""Coverage-guided fuzzing of the OTLP mapper: any body is refused as a whole, or each of its events has one fate.

Every body is read in both encodings, with and without texts, as the intake reads it; what the mapper makes of it goes
through the decoder. It needs the package `atheris`, which the project does not install:

    python benchmarks/faults/fuzz_otlp.py FOLDER tests/collector/fuzz/otlp_corpus -max_total_time=300 -max_len=4000

New inputs go to FOLDER. What the store makes of the events is tested in tests/collector/fuzz, which also replays the
corpus.
"""

from __future__ import annotations

import sys
from datetime import datetime, timedelta, timezone

import atheris
from tokentide.version import VERSION

with atheris.instrument_imports(include=["collector"]):
    from collector.config import CollectorConfig
    from collector.decode import Decoder
    from collector.formats import open_format
    from collector.formats.format import Format, Unreadable
    from collector.price_book.resolve import Resolver
    from collector.record import Outcome, Record

    # Here, because the mapper is imported when it is opened.
    FORMATS = [
        open_format("/v1/traces", CollectorConfig(otlp_content=kept, user_key="fuzzed")) for kept in ("masked", "off")
    ]

NOW = datetime(2026, 11, 20, 12, 0, 0, tzinfo=timezone.utc)
DECODER = Decoder(Resolver(), VERSION, 10_000, timedelta(days=30), timedelta(minutes=10))
ENCODINGS = ("application/x-protobuf", "application/json")


def check(body: bytes) -> None:
    """Raises what mapper or decoder let out, and AssertionError when an event has no fate or two."""
    for encoding in ENCODINGS:
        found = {fates(form, body, encoding) for form in FORMATS}
        assert len(found) == 1, "what is kept of texts decides whether something is a call"


def fates(form: Format, body: bytes, encoding: str) -> int:
    """How many events there are in the body, each with one fate; -1 when it is refused."""
    try:
        events = form.read(body, encoding)
    except Unreadable:
        return -1
    batch = DECODER.decode([Record(form.place, offset, event) for offset, event in enumerate(events)], NOW)
    assert not batch.reports, body
    assert len(batch.lines) + len(batch.dead_letters) == len(events), body
    assert bool(batch.minutes) == bool(batch.lines), body
    assert form.answer(Outcome(len(batch.lines), batch.dead_letters), encoding).status_code == 200, body
    return len(events)


def main() -> None:
    atheris.Setup(sys.argv, check)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
