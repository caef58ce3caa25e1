"""Make a sample store as a release wrote it: run this with that release's checkout as the working directory.

    cd <checkout of the release> && PYTHONPATH=.:sdk:tests python <this file> <result>.tar.xz

The tests open the result with the release of now, so what it holds must not change: it is made once and committed.
"""

from __future__ import annotations

import sys
import tarfile
import tempfile
from datetime import datetime, timedelta, timezone
from pathlib import Path

from events import a_call, a_rate_limited_call
from tokentide.call import ProducerReport
from tokentide.version import VERSION

from collector.decode import Decoder
from collector.price_book.book import seed_prices
from collector.price_book.resolve import Resolver
from collector.record import Record
from collector.rollup import RollUp
from collector.write import Writer
from store.connection import open_store
from store.migrate import migrate

AT = datetime(2026, 11, 20, 12, tzinfo=timezone.utc)


def events() -> list[bytes]:
    """Forty calls of two teams in two hours, a tenth of them rate limited, one unpriced, one bad, one report."""
    made = []
    for number in range(40):
        fields = {
            "call_id": f"018f0000-0000-7000-8000-{number:012d}",
            "operation_id": f"018f0000-0000-7000-8000-{number:012d}",
            "seq": number + 1,
            "started_at": AT + timedelta(minutes=3 * number),
            "team": ("search", "support")[number % 2],
            "session_id": f"session-{number % 5}",
            "user_hash": f"{number % 3:032x}",
            "prompt": f"prompt {number}",
            "response": f"response {number}",
        }
        made.append((a_rate_limited_call if number % 10 == 9 else a_call)(**fields))
    unpriced = a_call(
        call_id=f"018f0000-0000-7000-8000-{40:012d}", seq=41, started_at=AT, model_requested="nobody-knows"
    )
    report = ProducerReport(report_id="r", producer_id="producer-1", reported_at=AT, emitted=42)
    return [*(call.to_json() for call in made), unpriced.to_json(), report.to_json(), b'{"call_id": "bad"}']


def main(target: Path) -> None:
    """Collect the events into a new store and pack its folder."""
    now = AT + timedelta(hours=3)
    with tempfile.TemporaryDirectory() as folder:
        store = open_store(f"chdb://{folder}/store", "tokentide")
        migrate(store, now)
        seed_prices(store, now)
        decoder = Decoder(Resolver(), VERSION, 10_000, timedelta(days=30), timedelta(minutes=10))
        batch = decoder.decode([Record("calls/0", number, body) for number, body in enumerate(events())], now)
        Writer(store, "kafka", lambda seconds: False, lambda: 0.0).write(batch, now)
        roll_up = RollUp(store)
        roll_up.touch(batch.minutes)
        while roll_up.rebuild():
            pass
        store.close()
        with tarfile.open(target, "w:xz", preset=9) as packed:
            packed.add(f"{folder}/store", "store")


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve())
