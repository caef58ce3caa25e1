"""What the app, its event hooks and other tools do around a call: the record stays right and the app's view its own."""

from __future__ import annotations

import asyncio
import json

import httpx2
import openai
import pytest
from hook_clients import APIS, SyncCaller
from hook_recorder import Recorder, recording

from server.demo.provider import RunningProvider

EMBEDDINGS = "https://api.openai.com/v1/embeddings"
ASKED = {"model": "m", "input": "x"}
ANSWER = {"model": "m", "data": [{"embedding": [0.5]}], "usage": {"prompt_tokens": 3}}


def answering(status: int = 200, answer: object = ANSWER) -> httpx2.MockTransport:
    return httpx2.MockTransport(lambda request: httpx2.Response(status, json=answer))


def test_what_others_patched_over_ours_records_nothing_after_we_have_stopped() -> None:
    original = httpx2.Client.send
    with recording() as first:
        ours = httpx2.Client.send
        httpx2.Client.send = lambda self, request, **options: ours(self, request, **options)  # type: ignore[method-assign]  # as other tools do
    try:
        with httpx2.Client(transport=answering()) as client:
            client.post(EMBEDDINGS, json=ASKED)
            with recording() as second:
                client.post(EMBEDDINGS, json=ASKED)
    finally:
        httpx2.Client.send = original  # type: ignore[method-assign]
    assert (len(first.attempts), len(second.attempts)) == (0, 1)


def test_a_task_that_an_event_hook_started_is_recorded_after_its_parent(recorder: Recorder) -> None:
    """It inherits the context of the request that it was started in."""

    async def main() -> None:
        answered = asyncio.Event()
        tasks = []

        async def later() -> None:
            await answered.wait()
            async with httpx2.AsyncClient(transport=answering()) as client:
                await client.post(EMBEDDINGS, json=ASKED)

        async def start(request: httpx2.Request) -> None:
            tasks.append(asyncio.create_task(later()))

        hooked = httpx2.AsyncClient(transport=answering(), event_hooks={"request": [start]})
        async with openai.AsyncOpenAI(api_key="key", http_client=hooked) as client:
            await client.embeddings.create(**ASKED)
        answered.set()
        await tasks[0]

    asyncio.run(main())
    parent, child = recorder.calls()
    assert (parent.attempt, parent.is_final, child.attempt, child.is_final) == (1, True, 1, True)
    assert parent.operation_id != child.operation_id


def test_an_answer_that_an_event_hook_refuses_keeps_its_status(recorder: Recorder) -> None:
    hooks = {"response": [httpx2.Response.raise_for_status]}
    with httpx2.Client(transport=answering(429), event_hooks=hooks) as client, pytest.raises(httpx2.HTTPStatusError):
        client.post(EMBEDDINGS, json=ASKED)
    call = recorder.call()
    assert (call.status, call.http_status, call.error_code) == ("rate_limited", 429, "HTTPStatusError")


def test_texts_are_only_with_the_last_attempt(provider: RunningProvider) -> None:
    with recording(content="full") as recorder:
        SyncCaller(APIS[0], provider.url).unary("fail1-model")
    refused, answered = recorder.calls()
    assert (refused.prompt, refused.prompt_chars, refused.content_policy) == ("", None, "full")
    assert answered.prompt != ""


@pytest.mark.parametrize("error", [{"code": "you said: secret"}, {"type": "secret" * 50}, {"code": "se\ncret"}])
def test_an_error_code_that_is_a_sentence_is_none(error: dict[str, str], recorder: Recorder) -> None:
    with httpx2.Client(transport=answering(400, {"error": error})) as client:
        client.post(EMBEDDINGS, json=ASKED)
    call = recorder.call()
    assert (call.status, call.error_code) == ("invalid_request", "")
    assert "secret" not in json.dumps(call.to_json().decode())
