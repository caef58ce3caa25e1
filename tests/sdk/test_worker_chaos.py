"""Every step behind the hook fails, one at a time: the app's calls, its flush and its end go on as if nothing were."""

from __future__ import annotations

import gc
import inspect
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
import tokentide
from loopback_intake import LoopbackIntake, Reply
from tokentide import account, delivery, emitter, hand, notices, patience, process_end, segment, spool
from tokentide.account import Account
from tokentide.backlog import Backlog
from tokentide.call import LLMCall, ProducerReport
from tokentide.delivery import Delivery
from tokentide.hand import Hand
from tokentide.hooks import _body, _encodings, _outcome, _read, _texts
from tokentide.hooks._read import Reader
from tokentide.notices import Notices
from tokentide.segment import Segment
from tokentide.spool import Spool
from tokentide.transports.http import HttpTransport

# What is for a forked child; and what the app calls itself, which is what is tested here.
NOT_A_STEP = {"__init__", "spool_folder", "forget", "start_over_in_child", "_start_over_in_child"}
OF_THE_APP = [(emitter.Emitter, "flush"), (emitter.Emitter, "close")]


def steps() -> Iterator[tuple[Any, str]]:
    """Every function between the queue and the far side."""
    owners = (Backlog, Account, Delivery, Hand, Spool, Segment, HttpTransport, Reader, LLMCall, ProducerReport, Notices)
    modules = (
        *(emitter, delivery, hand, account, notices, patience, process_end, spool, segment),
        *(_read, _body, _encodings, _texts, _outcome),
    )
    for owner in (*owners, emitter._Worker, emitter.Emitter, *modules):
        module = owner if inspect.ismodule(owner) else inspect.getmodule(owner)
        for name, value in vars(owner).items():
            is_ours = inspect.isfunction(value) and inspect.getmodule(value) is module
            if is_ours and name not in NOT_A_STEP and (owner, name) not in OF_THE_APP:
                yield owner, name


def broken(*_: object, **__: object) -> None:
    raise ZeroDivisionError("a fault behind the hook")


@pytest.fixture(scope="module", autouse=True)
def connections_that_stay_open() -> Iterator[None]:
    """They are collected here, not during a test of another file, where their warning is an error."""
    yield
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()


# A thread that a fault ends is started again with the next event, and says so on the way. A connection may stay open.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize(("owner", "name"), list(steps()), ids=lambda part: getattr(part, "__name__", part))
@pytest.mark.parametrize("status", [200, 503])
def test_a_step_that_fails_is_none_of_the_apps_business(
    owner: Any, name: str, status: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = httpx2.MockTransport(lambda request: httpx2.Response(200, json={"model": "m"}))
    monkeypatch.setattr(process_end, "EXIT_S", 0.2)
    asked = {"model": "m", "messages": [{"role": "user", "content": "mail ann@example.com"}]}
    with (
        LoopbackIntake(lambda records: Reply(status)) as intake,
        httpx2.Client(transport=answer) as client,
        monkeypatch.context() as patched,
    ):
        tokentide.instrument(endpoint=intake.endpoint, spool_dir=tmp_path)
        patched.setattr(owner, name, broken)
        for _ in range(3):
            assert client.post("https://api.openai.com/v1/chat/completions", json=asked).status_code == 200
        assert tokentide.flush(0.1) in (True, False)
        tokentide.uninstrument()
