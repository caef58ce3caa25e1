"""What is read of the bodies that an aiohttp session sends and gets."""

from __future__ import annotations

import asyncio
import gzip
import json

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from hook_recorder import Recorder

from server.demo.provider import RunningProvider


@pytest.mark.parametrize("is_text", [False, True])
def test_a_body_that_the_app_has_written_is_read(provider: RunningProvider, recorder: Recorder, is_text: bool) -> None:
    asked = json.dumps({"model": "s5x2-model", "messages": [{"role": "user", "content": "Wörld"}]}, ensure_ascii=False)

    async def main() -> None:
        data = asked if is_text else asked.encode()
        async with (
            aiohttp.ClientSession() as session,
            session.post(f"{provider.openai_url}/chat/completions", data=data) as response,
        ):
            await response.read()

    asyncio.run(main())
    call = recorder.call()
    assert (call.model_requested, call.request_bytes) == ("s5x2-model", len(asked.encode()))


def test_an_answer_in_several_encodings_which_the_session_leaves_packed_is_read(recorder: Recorder) -> None:
    packed = gzip.compress(gzip.compress(b'{"usage": {"prompt_tokens": 5, "completion_tokens": 7}}'))
    headers = {"content-encoding": "gzip, gzip", "content-type": "application/json"}

    async def answer(_: web.Request) -> web.Response:
        return web.Response(body=packed, headers=headers)

    async def main() -> bytes:
        app = web.Application()
        app.router.add_post("/chat/completions", answer)
        async with (
            TestServer(app) as server,
            aiohttp.ClientSession() as session,
            session.post(server.make_url("/chat/completions"), data=b"{}") as response,
        ):
            return await response.read()

    assert asyncio.run(main()) == packed
    assert (recorder.call().output_tokens, recorder.call().error_code) == (7, "")
