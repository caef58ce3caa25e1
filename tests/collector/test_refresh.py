from __future__ import annotations

import threading

import pytest
from conftest import NOW
from events import a_call

from collector.forget import key_of
from collector.forgotten import ForgottenKeys
from collector.record import Record
from collector.refresh import keep_fresh
from store.connection import Store
from store.sql import parse


def test_a_store_in_trouble_is_asked_again_and_what_was_known_stays(
    store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    forgotten, stop, knows = ForgottenKeys(store, lambda: NOW), threading.Event(), []
    store.insert("forgotten_keys", ["kind", "digest", "forgotten_at"], [("user", key_of("user", "ann").digest, NOW)])
    steps = iter(
        (
            "RENAME TABLE forgotten_keys TO keys_away",
            "RENAME TABLE keys_away TO forgotten_keys",
            "SELECT 1",
        )
    )
    ann = Record("http", 0, a_call(user_hash="ann").to_json())

    def refresh() -> None:
        try:
            forgotten.refresh()
        finally:
            knows.append(forgotten.cleaned(ann) != ann)
            store.execute(parse("step", f"-- what happens next\n{next(steps)}"))
            if len(knows) == 3:
                stop.set()

    keep_fresh(refresh, "the forgotten keys", stop, every_s=0.001)
    assert knows == [True] * 3
    (line,) = caplog.messages
    assert line.startswith("the forgotten keys are read again in 0 s: the store at chdb://")
