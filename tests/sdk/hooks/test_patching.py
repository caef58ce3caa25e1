from __future__ import annotations

from pathlib import Path

import anthropic._base_client
import httpx
import httpx2
import openai._base_client
import pytest
import tokentide
from fresh_interpreter import run
from hook_clients import APIS, SyncCaller
from hook_recorder import recording
from tokentide.testing import capture_calls

from server.demo.provider import RunningProvider

SDK = Path(tokentide.__file__).parent.parent
SEAMS = [
    (httpx.Client, "send"),
    (httpx.AsyncClient, "send"),
    (httpx2.Client, "send"),
    (httpx2.AsyncClient, "send"),
    (openai._base_client.SyncAPIClient, "request"),
    (openai._base_client.AsyncAPIClient, "request"),
    (anthropic._base_client.SyncAPIClient, "request"),
    (anthropic._base_client.AsyncAPIClient, "request"),
]


def attributes() -> list[object]:
    return [owner.__dict__[name] for owner, name in SEAMS]


def test_every_seam_is_patched_and_the_very_originals_come_back() -> None:
    originals = attributes()
    with capture_calls():
        patched = attributes()
    assert all(now is not before for now, before in zip(patched, originals, strict=True))
    assert all(after is before for after, before in zip(attributes(), originals, strict=True))


def test_a_second_call_changes_nothing(caplog: pytest.LogCaptureFixture, tmp_path: Path) -> None:
    with capture_calls(team="search", spool_dir=tmp_path):
        patched = attributes()
        tokentide.instrument("memory", team="search", spool_dir=tmp_path)
        assert attributes() == patched
        assert caplog.records == []
        tokentide.instrument("memory", team="billing")
        assert attributes() == patched
    assert "call uninstrument() before" in caplog.text


def test_what_others_patched_over_ours_stays() -> None:
    original = httpx2.Client.send
    with capture_calls():
        ours = httpx2.Client.send

        def theirs(self: httpx2.Client, request: httpx2.Request, **options: object) -> httpx2.Response:
            return ours(self, request, **options)  # type: ignore[arg-type]  # passed on as it came

        httpx2.Client.send = theirs  # type: ignore[method-assign]  # as other tools do
    try:
        assert httpx2.Client.send is theirs
    finally:
        httpx2.Client.send = original  # type: ignore[method-assign]


def test_without_instrumentation_flush_and_uninstrument_do_nothing() -> None:
    tokentide.uninstrument()
    assert tokentide.flush(0.1)


def test_the_public_names_are_these() -> None:
    assert tokentide.__all__ == sorted(tokentide.__all__)
    assert {"LLMCall", "context", "flush", "instrument", "uninstrument"} <= set(tokentide.__all__)


def test_a_call_carries_its_context_through_the_whole_sdk(provider: RunningProvider) -> None:
    with (
        capture_calls(app="shop", team="default", user_key="secret") as calls,
        tokentide.context(team="search", user="ann", session="s1", prompt=("answer", "v3"), tier="gold"),
    ):
        SyncCaller(APIS[0], provider.url).unary("fail1-model")
    refused, answered = calls
    for call in (refused, answered):
        assert (call.app, call.team, call.session_id) == ("shop", "search", "s1")
        assert (call.prompt_name, call.prompt_version, call.attributes) == ("answer", "v3", {"tier": "gold"})
        assert len(call.user_hash) == 32
    assert (refused.seq, answered.seq) == (1, 2)
    assert refused.producer_id == answered.producer_id


def test_the_sdk_needs_nothing_but_the_standard_library() -> None:
    output = run(
        f"""
        import sys
        sys.path.insert(0, {str(SDK)!r})
        import tokentide
        tokentide.instrument("memory", spool_dir="/nonexistent")
        with tokentide.context(team="search"):
            pass
        tokentide.uninstrument()
        roots = {{name.partition(".")[0] for name in sys.modules}}
        print(sorted(roots - set(sys.stdlib_module_names) - {{"tokentide", "__main__"}}))
        """,
        "-I",
        "-S",
    )
    assert output == "[]"


def test_importing_the_sdk_is_light() -> None:
    output = run("import sys, tokentide; print(*sys.modules)")
    assert not set(output.split()) & {"asyncio", "dataclasses", "email", "http", "inspect", "json", "logging"}


def test_what_is_imported_late_is_there_and_nothing_else() -> None:
    assert tokentide.LLMCall.__module__ == "tokentide.call"
    with pytest.raises(AttributeError, match="has no attribute 'LLMCal'"):
        _ = tokentide.LLMCal  # type: ignore[attr-defined]  # the mistake under test


def test_opentelemetry_ids_are_taken_over_when_the_app_uses_it(provider: RunningProvider) -> None:
    from opentelemetry import trace

    span = trace.NonRecordingSpan(trace.SpanContext(0xABC, 0xDEF, is_remote=False))
    with capture_calls() as calls, trace.use_span(span):
        SyncCaller(APIS[0], provider.url).unary("model")
    assert (calls[0].trace_id, calls[0].span_id) == (f"{0xABC:032x}", f"{0xDEF:016x}")


def test_the_parent_of_the_span_is_known_with_opentelemetrys_sdk(provider: RunningProvider) -> None:
    from opentelemetry.sdk.trace import TracerProvider

    tracer = TracerProvider().get_tracer("app")
    with capture_calls() as calls, tracer.start_as_current_span("outer") as outer, tracer.start_as_current_span("in"):
        SyncCaller(APIS[0], provider.url).unary("model")
    (call,) = calls
    assert call.parent_span_id == f"{outer.get_span_context().span_id:016x}"
    assert call.trace_id == f"{outer.get_span_context().trace_id:032x}"


def test_a_subclass_that_another_tool_put_in_the_place_of_the_client(monkeypatch: pytest.MonkeyPatch) -> None:
    """The client libraries hold the original still."""

    class Replaced(httpx2.Client):
        pass

    original = httpx2.Client
    monkeypatch.setattr(httpx2, "Client", Replaced)
    answer = httpx2.MockTransport(lambda request: httpx2.Response(200, json={}))
    with recording() as recorder:
        for kind in (Replaced, original):
            with kind(transport=answer) as client:
                client.post("https://api.openai.com/v1/embeddings", json={})
    assert len(recorder.calls()) == 2
