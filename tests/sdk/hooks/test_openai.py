"""What OpenAI's client can do beside `create`, and Azure's client."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import openai
import pydantic
import pytest
from hook_clients import MESSAGES
from hook_recorder import Recorder, recording
from in_memory_server import HTTP, answering, streaming
from tokentide.call import LLMCall

from server.demo.provider import RunningProvider

DONE = b"data: [DONE]\n\n"
SOUND = ("speech.wav", b"RIFF")
PICTURE = ("picture.png", b"PNG")
TOKENS = {"prompt_tokens": 12, "completion_tokens": 30, "total_tokens": 42}
CHAT = {"id": "chatcmpl-1", "model": "m-2026", "choices": [{"index": 0, "message": {"content": "Hello."}}]}
MEDIA = {
    "input_tokens": 50,
    "input_tokens_details": {"text_tokens": 10, "image_tokens": 40},
    "output_tokens": 1056,
    "total_tokens": 1106,
}


class Said(pydantic.BaseModel):
    said: str


def asked(url: str, transport: Any, **body: Any) -> LLMCall:
    """The record of a request without a client library."""
    with recording(content="full") as recorder, HTTP.Client(transport=transport) as client:
        client.post(url, json={"model": "m", "messages": MESSAGES, **body})
    return recorder.call()


def through(transport: Any, call: Callable[[openai.OpenAI], Any]) -> LLMCall:
    """The record of what `call` does with a client."""
    http_client = openai.DefaultHttpxClient(transport=transport)  # type: ignore[arg-type]  # of another library before 3
    with recording() as recorder, openai.OpenAI(api_key="key", http_client=http_client, max_retries=0) as client:
        call(client)
    return recorder.call()


@pytest.mark.parametrize("beta", [False, True], ids=["", "beta"])
def test_the_stream_helper_of_chats_is_recorded(beta: bool, provider: RunningProvider, recorder: Recorder) -> None:
    with openai.OpenAI(base_url=provider.openai_url, api_key="key") as client:
        chats = (client.beta if beta else client).chat.completions
        with chats.stream(model="fail1-m", messages=MESSAGES, stream_options={"include_usage": True}) as stream:  # type: ignore[arg-type]  # messages are plain
            stream.until_done()
    refused, call = recorder.calls()
    assert (refused.status, call.status, call.stream_outcome) == ("rate_limited", "ok", "complete")
    assert call.output_tokens == provider.log.answered[-1].usage["output_tokens"]


def test_the_stream_helper_of_responses_is_recorded(provider: RunningProvider, recorder: Recorder) -> None:
    async def main() -> None:
        async with (
            openai.AsyncOpenAI(base_url=provider.openai_url, api_key="key") as client,
            client.responses.stream(model="m", input="Hi") as stream,
        ):
            await stream.until_done()

    asyncio.run(main())
    assert (recorder.call().operation, recorder.call().stream_outcome) == ("responses", "complete")
    assert recorder.call().usage_source == "provider"


@pytest.mark.parametrize("beta", [False, True], ids=["", "beta"])
def test_parsed_answers_are_recorded(beta: bool) -> None:
    answer = {**CHAT, "usage": TOKENS}
    answer["choices"] = [{"index": 0, "finish_reason": "stop", "message": {"content": '{"said": "x"}'}}]

    def parse(client: openai.OpenAI) -> None:
        chats = (client.beta if beta else client).chat.completions
        parsed = chats.parse(model="m", messages=MESSAGES, response_format=Said)  # type: ignore[arg-type]  # messages are plain
        assert parsed.choices[0].message.parsed == Said(said="x")

    assert through(answering(answer), parse).output_tokens == 30


@pytest.mark.parametrize("form", ["with_raw_response", "with_streaming_response"])
def test_a_raw_stream_is_read_by_the_app_and_recorded(form: str, provider: RunningProvider, recorder: Recorder) -> None:
    asked = {"model": "s3x0-m", "messages": MESSAGES, "stream": True, "stream_options": {"include_usage": True}}
    with openai.OpenAI(base_url=provider.openai_url, api_key="key") as client:
        create = getattr(client.chat.completions, form).create
        if form == "with_raw_response":
            events = list(create(**asked).parse())
        else:
            with create(**asked) as response:
                events = list(response.parse())
    assert len(events) >= 3
    assert (recorder.call().stream_outcome, recorder.call().usage_source) == ("complete", "provider")


@pytest.mark.filterwarnings("ignore:deprecated:DeprecationWarning")
@pytest.mark.parametrize(
    ("call", "answer", "operation", "tokens"),
    [
        (
            lambda client: client.images.edit(model="m", image=PICTURE, prompt="A hat"),
            {"created": 1, "data": [], "usage": MEDIA},
            "images",
            {"input_tokens": 50, "input_image_tokens": 40, "output_tokens": 1056, "output_image_tokens": 1056},
        ),
        (
            lambda client: client.images.generate(model="m", prompt="A cat"),
            {
                "created": 1,
                "data": [],
                "usage": MEDIA | {"output_tokens_details": {"text_tokens": 56, "image_tokens": 1000}},
            },
            "images",
            {"output_tokens": 1056, "output_image_tokens": 1000},
        ),
        (
            lambda client: client.images.create_variation(model="m", image=PICTURE),
            {"created": 1, "data": []},
            "images",
            {"input_tokens": None, "usage_source": "missing"},
        ),
        (
            lambda client: client.audio.transcriptions.create(model="m", file=SOUND),
            {
                "text": "Hello",
                "usage": {"type": "tokens", "input_tokens": 14, "output_tokens": 45}
                | {"input_token_details": {"text_tokens": 4, "audio_tokens": 10}},
            },
            "audio",
            {"input_tokens": 14, "input_audio_tokens": 10, "output_tokens": 45, "output_audio_tokens": None},
        ),
        (
            lambda client: client.audio.translations.create(model="m", file=SOUND),
            {"text": "Hello", "usage": {"type": "duration", "seconds": 12}},
            "audio",
            {"input_tokens": None, "usage_raw": '{"type":"duration","seconds":12}'},
        ),
        (
            lambda client: client.audio.speech.create(model="m", voice="alloy", input="Hi").read(),
            b"\xff\xf3\x84 not JSON",
            "audio",
            {"input_tokens": None, "usage_source": "missing", "status": "ok"},
        ),
        (
            lambda client: client.moderations.create(model="m", input="Hi"),
            {"id": "modr-1", "model": "omni-moderation-2024-09-26", "results": []},
            "moderations",
            {"response_id": "modr-1", "provider_reported_cost": Decimal(0)},
        ),
        (
            lambda client: client.responses.compact(model="m", input="Hi"),
            {"id": "resp_1", "object": "response.compaction", "output": [], "usage": MEDIA},
            "responses",
            {"input_tokens": 50, "output_tokens": 1056},
        ),
    ],
)
def test_other_methods(call: Any, answer: Any, operation: str, tokens: dict[str, Any]) -> None:
    recorded = through(answering(answer), call)
    assert (recorded.operation, recorded.model_requested, recorded.status) == (operation, "m", "ok")
    assert {name: getattr(recorded, name) for name in tokens} == tokens


@pytest.mark.parametrize(
    ("path", "events", "response"),
    [
        (
            "audio/transcriptions",
            [
                {"type": "transcript.text.delta", "delta": "Hel"},
                {"type": "transcript.text.delta", "delta": "lo"},
                {"type": "transcript.text.done", "text": "Hello", "usage": MEDIA},
            ],
            "Hello",
        ),
        (
            "images/generations",
            [
                {"type": "image_generation.partial_image", "b64_json": "x"},
                {"type": "image_generation.completed", "b64_json": "x", "usage": MEDIA},
            ],
            "",
        ),
        (
            "audio/speech",
            [{"type": "speech.audio.delta", "audio": "x"}, {"type": "speech.audio.done", "usage": MEDIA}],
            "",
        ),
    ],
)
def test_streams_of_media_end_with_their_usage(path: str, events: list[Any], response: str) -> None:
    call = asked(f"https://api.openai.com/v1/{path}", streaming(events), stream=True)
    assert (call.stream_outcome, call.output_tokens, call.response) == ("complete", 1056, response)
    left = asked(f"https://api.openai.com/v1/{path}", streaming(events[:-1]), stream=True)
    assert (left.stream_outcome, left.usage_source) == ("broken", "missing")


def test_azures_client_names_its_deployment_region_and_request() -> None:
    headers = {"apim-request-id": "apim-1", "x-request-id": "x-1", "x-ms-region": "East US 2"}
    headers |= {"x-ratelimit-limit-tokens": "-1", "x-ratelimit-remaining-tokens": "0"}
    http_client = openai.DefaultHttpxClient(transport=answering({**CHAT, "usage": TOKENS}, headers))  # type: ignore[arg-type]  # as above
    with (
        recording() as recorder,
        openai.AzureOpenAI(
            azure_endpoint="https://house.openai.azure.com",
            azure_deployment="our gpt",
            api_version="2026-01-01",
            api_key="key",
            http_client=http_client,
        ) as client,
    ):
        client.chat.completions.create(model="gpt-4o", messages=MESSAGES)  # type: ignore[call-overload]  # messages are plain
    call = recorder.call()
    assert (call.provider, call.host, call.region) == ("azure", "house.openai.azure.com", "eastus2")
    assert (call.model_requested, call.model_responded) == ("our gpt", "m-2026")
    assert (call.request_id, call.limit_tokens, call.remaining_tokens) == ("apim-1", None, None)


def test_azures_verdict_on_a_prompt_is_a_content_filters() -> None:
    error = {"code": "400", "innererror": {"code": "ResponsibleAIPolicyViolation"}, "message": "filtered"}
    call = asked("https://x.openai.azure.com/openai/v1/responses", answering({"error": error}, http_status=400))
    assert (call.status, call.error_code) == ("content_filter", "400")


def test_azures_verdicts_before_a_stream_are_no_content() -> None:
    events = [
        {"choices": [], "prompt_filter_results": [{"prompt_index": 0, "content_filter_results": {}}]},
        {"choices": [{"index": 0, "delta": {"content": "Hi"}, "content_filter_results": {}}]},
        {"choices": [{"index": 0, "delta": {}, "finish_reason": "content_filter"}]},
    ]
    call = asked("https://x.openai.azure.com/openai/v1/chat/completions", streaming(events, end=DONE), stream=True)
    assert (call.response, call.finish_reason, call.stream_outcome) == ("Hi", "content_filter", "complete")
