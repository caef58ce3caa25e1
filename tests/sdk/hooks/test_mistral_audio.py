"""Mistral's transcriptions, and its models on Azure, through its client libraries."""

from __future__ import annotations

from typing import Any

import pytest
from hook_recorder import Recorder, recording
from in_memory_server import EVENTS, answering, dumped
from mistral_library import HTTP, Mistral, azure_client

SOUND: Any = {"content": b"RIFF", "file_name": "a.wav"}
HEARD = {"model": "voxtral-mini-2602", "text": "Hello.", "language": "en", "segments": []}
USAGE = {"prompt_tokens": 100, "completion_tokens": 20, "total_tokens": 120, "prompt_audio_seconds": 3}
CHAT = {
    "id": "c1",
    "object": "chat.completion",
    "created": 1,
    "model": "mistral-large-2411",
    "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "In the app."}}],
    "usage": {"prompt_tokens": 12, "completion_tokens": 5, "total_tokens": 17},
}


def test_records_a_transcription(recorder: Recorder) -> None:
    with HTTP.Client(transport=answering({**HEARD, "usage": USAGE})) as client:
        Mistral(api_key="key", client=client).audio.transcriptions.complete(model="voxtral-mini-latest", file=SOUND)
    call = recorder.call()
    assert (call.provider, call.operation, call.model_responded) == ("mistral", "audio", "voxtral-mini-2602")
    assert (call.input_tokens, call.output_tokens, call.usage_source) == (100, 20, "provider")


@pytest.mark.parametrize("is_whole", [True, False])
def test_records_a_transcription_as_it_is_streamed(is_whole: bool) -> None:
    events: list[Any] = [{"type": "transcription.text.delta", "text": piece} for piece in ("Hel", "lo.")]
    events += [{"type": "transcription.done", **HEARD, "usage": USAGE}] * is_whole
    pieces = (f"event: {event['type']}\ndata: ".encode() + dumped(event) + b"\n\n" for event in events)
    transport = HTTP.MockTransport(lambda request: HTTP.Response(200, headers={"content-type": EVENTS}, content=pieces))
    with recording(content="full") as recorder, HTTP.Client(transport=transport) as client:
        heard = Mistral(api_key="key", client=client).audio.transcriptions
        list(heard.stream(model="voxtral-mini-latest", file=SOUND))
    call = recorder.call()
    assert (call.response, call.stream_outcome) == ("Hello.", "complete" if is_whole else "broken")
    assert (call.input_tokens, call.output_tokens) == ((100, 20) if is_whole else (None, None))
    assert call.time_to_first_token_ms is not None


@pytest.mark.parametrize("host", ["house.services.ai.azure.com", "house.models.ai.azure.com"])
def test_its_client_of_azure_is_recorded_as_azure(host: str, recorder: Recorder) -> None:
    read = {"pages": [], "model": "mistral-ocr-2605", "usage_info": {"pages_processed": 3}}
    transport = HTTP.MockTransport(
        lambda request: HTTP.Response(200, json=read if request.url.path.endswith("/ocr") else CHAT)
    )
    with HTTP.Client(transport=transport) as client:
        azure = azure_client(f"https://{host}", client)
        source: Any = {"type": "document_url", "document_url": "https://example.com/a.pdf"}
        azure.ocr.process(model="mistral-document-ai-2505", document=source)
        azure.chat.complete(model="azureai", messages=[{"role": "user", "content": "Hello"}])
    scan, chat = recorder.calls()
    assert (scan.provider, scan.operation, scan.model_responded) == ("azure", "ocr", "mistral-ocr-2605")
    assert (chat.provider, chat.operation, chat.output_tokens) == ("azure", "chat", 5)
