"""Libraries that are imported after the app was instrumented, or while it is."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

import httpx2
import pytest
from fresh_interpreter import run
from hook_recorder import Recorder
from tokentide.config import load
from tokentide.hooks._engine import Engine
from tokentide.hooks._patch import ImportWatch


def test_libraries_are_patched_when_they_are_imported_later() -> None:
    output = run(
        """
        import sys, tokentide
        tokentide.instrument("memory")
        assert not {"httpx", "httpx2", "openai", "anthropic"} & sys.modules.keys()
        import anthropic, httpx, httpx2, openai
        for owner in (httpx.Client, httpx2.AsyncClient, openai.OpenAI, anthropic.AsyncAnthropic):
            method = getattr(owner, "send", None) or owner.request
            assert hasattr(method, "__wrapped__"), owner
        loader = sys.modules["openai._base_client"].__spec__.loader
        assert type(loader).__name__ == "SourceFileLoader", loader
        tokentide.uninstrument()
        assert not hasattr(httpx2.Client.send, "__wrapped__")
        print(len([finder for finder in sys.meta_path if "tokentide" in type(finder).__module__]))
        """
    )
    assert output == "0"


def test_httpx_may_be_httpx2() -> None:
    output = run(
        """
        import httpx2
        httpx2.alias_httpx()
        import httpx
        assert httpx.Client is httpx2.Client
        original = httpx.Client.send
        from tokentide.testing import capture_calls
        answer = httpx2.MockTransport(lambda request: httpx2.Response(200, json={"model": "m"}))
        with capture_calls() as calls, httpx.Client(transport=answer) as client:
            client.post("https://api.openai.com/v1/embeddings", json={"model": "m", "input": "x"})
        assert httpx.Client.send is original
        print(len(calls))
        """
    )
    assert output == "1"


def test_a_module_that_fails_to_load_fails_as_before(tmp_path: Path) -> None:
    (tmp_path / "httpx2.py").write_text("raise ZeroDivisionError('theirs')")
    output = run(
        f"""
        import sys
        sys.path.insert(0, {str(tmp_path)!r})
        import tokentide
        tokentide.instrument("memory")
        try:
            import httpx2
        except ZeroDivisionError as error:
            print(error)
        tokentide.uninstrument()
        """
    )
    assert output == "theirs"


def test_two_watches_of_one_module_are_both_called(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "watched_module.py").touch()
    monkeypatch.syspath_prepend(tmp_path)
    seen: list[str] = []
    watches = [ImportWatch(["watched_module"], lambda module: seen.append(module.__name__)) for _ in range(2)]
    for watch in watches:
        watch.start()
    module = importlib.import_module("watched_module")
    for watch in watches:
        watch.stop()
    assert seen == ["watched_module"] * 2
    assert type(module.__loader__).__name__ == "SourceFileLoader"


def test_the_engine_leaves_no_finder_behind() -> None:
    before = list(sys.meta_path)
    engine = Engine(Recorder(load({})), captures=False)
    engine.start()
    engine.stop()
    assert sys.meta_path == before


def test_a_loader_of_the_old_kind_is_left_alone() -> None:
    output = run(
        """
        import sys, warnings
        from importlib.machinery import ModuleSpec, PathFinder
        import tokentide

        class Old:
            def load_module(self, name):
                return PathFinder.find_spec(name).loader.load_module(name)

        class Finder:
            def find_spec(self, name, path, target=None):
                if name == "httpx2":
                    return ModuleSpec(name, Old(), is_package=True)

        warnings.simplefilter("ignore")
        tokentide.instrument("memory")
        sys.meta_path.insert(1, Finder())
        import httpx2
        print(httpx2.Client.__name__)
        tokentide.uninstrument()
        """
    )
    assert output == "Client"


# A module whose import another thread has begun, and goes on with when it is told to.
SLOW_IMPORT = """
import importlib.abc, threading
from importlib.machinery import PathFinder
import tokentide

inside, go = threading.Event(), threading.Event()

class Slow(importlib.abc.Loader):
    def __init__(self, inner): self.inner = inner
    def create_module(self, spec): return self.inner.create_module(spec)
    def exec_module(self, module):
        inside.set()
        go.wait(10)
        self.inner.exec_module(module)

class Finder:
    def find_spec(self, name, path, target=None):
        if name == "httpx2":
            spec = PathFinder.find_spec(name, path)
            spec.loader = Slow(spec.loader)
            return spec

import sys
sys.meta_path.insert(0, Finder())
thread = threading.Thread(target=lambda: __import__("httpx2"))
"""


def test_what_another_thread_is_importing_is_patched() -> None:
    script = """
thread.start()
inside.wait(10)
threading.Timer(0.2, go.set).start()
tokentide.instrument("memory")
thread.join()
import httpx2
print(hasattr(httpx2.Client.send, "__wrapped__"))
tokentide.uninstrument()
"""
    assert run(SLOW_IMPORT + script) == "True"


def test_an_import_that_ends_after_uninstrumenting_is_not_patched() -> None:
    script = """
tokentide.instrument("memory")
thread.start()
inside.wait(10)
tokentide.uninstrument()
go.set()
thread.join()
import httpx2
print(hasattr(httpx2.Client.send, "__wrapped__"))
"""
    assert run(SLOW_IMPORT + script) == "False"


def test_an_engine_that_was_stopped_starts_anew() -> None:
    recorder = Recorder(load({}, transport="memory", content="off"))
    engine = Engine(recorder, captures=False)
    answer = httpx2.MockTransport(lambda request: httpx2.Response(200, json={}))
    with httpx2.Client(transport=answer) as client:
        for _ in range(2):
            engine.start()
            client.post("https://api.openai.com/v1/embeddings", json={})
            engine.stop()
    assert len(recorder.calls()) == 2
