"""What is read of the body of a request that an aiohttp session sends."""

from __future__ import annotations

import asyncio
import json

import aiohttp
import pytest
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
