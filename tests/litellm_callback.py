"""An app whose LiteLLM logs to a generic API: `python litellm_callback.py <url>`, in an environment that has LiteLLM."""

from __future__ import annotations

import asyncio
import os
import sys
from contextlib import suppress

os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"  # else the import fetches prices from the network

import litellm
from litellm.integrations.generic_api.generic_api_callback import GenericAPILogger

from server.demo.provider import running_provider

MESSAGES = [{"role": "user", "content": "Hi"}]
CALLS = 5


async def main(url: str) -> None:
    logger = GenericAPILogger(endpoint=url, batch_size=100)
    litellm.callbacks = [logger]
    with running_provider() as provider:
        asked = {"api_base": provider.openai_url, "api_key": "key", "max_retries": 0}
        chat = {**asked, "messages": MESSAGES, "metadata": {"tags": ["checkout"]}}
        await litellm.acompletion(model="openai/model", **chat)
        async for _ in await litellm.acompletion(model="openai/s5x0-model", stream=True, **chat):
            pass
        with suppress(litellm.InternalServerError):
            await litellm.acompletion(model="openai/status500-model", **chat)
        await litellm.aembedding(model="openai/model", input="Hi", metadata={"tags": ["checkout"]}, **asked)
        await litellm.aresponses(model="openai/model", input="Hi", **asked)
        while len(logger.log_queue) < CALLS:  # LiteLLM logs behind the call
            await asyncio.sleep(0.01)
        await logger.flush_queue()


asyncio.run(asyncio.wait_for(main(sys.argv[1]), 60))
