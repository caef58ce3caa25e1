"""LangChain: the calls inside a run get its chain, name, id and tags, and the tags that its metadata names.

A handler is given to every run through LangChain's own list of configure hooks, as its tracers are. It runs inline:
elsewhere it would be called in another context than the model is.
"""

from __future__ import annotations

from types import ModuleType
from typing import Any, Final
from uuid import UUID
from weakref import WeakValueDictionary

from tokentide.context import Run
from tokentide.frameworks.metadata import tags_in
from tokentide.hooks._engine import Engine

_MOST_CHAINS: Final = 10_000


class _Switch:
    """Stands in for the context variable that LangChain takes its handler from: it is the same in every context."""

    def __init__(self) -> None:
        self.engine: Engine | None = None
        self.handler: Any = None

    def get(self) -> Any:
        """The handler, or None while nothing is recorded."""
        return None if self.engine is None or self.engine.is_idle else self.handler


_switch = _Switch()


def attach(module: ModuleType, engine: Engine) -> None:
    """Gives the handler to LangChain. It cannot be taken back there, and so is switched off with the engine."""
    is_first = _switch.handler is None
    _switch.engine, _switch.handler = engine, make_handler(engine)
    if is_first:
        module.register_configure_hook(_switch, inheritable=True)


def make_handler(engine: Engine) -> Any:
    """A handler of LangChain's callbacks that only remembers what runs."""
    from langchain_core.callbacks.base import BaseCallbackHandler

    runs = _Runs()

    class ContextHandler(BaseCallbackHandler):
        run_inline = True
        raise_error = False
        ignore_retriever = ignore_retry = ignore_agent = ignore_custom_event = True

        def on_chain_start(self, serialized: Any, inputs: Any, **told: Any) -> None:
            engine.guard(runs.chain_began, serialized, told)

        def on_chain_end(self, outputs: Any, *, run_id: UUID, **_: Any) -> None:
            engine.guard(runs.chain_ended, run_id)

        def on_chain_error(self, error: BaseException, *, run_id: UUID, **_: Any) -> None:
            engine.guard(runs.chain_ended, run_id)

        def on_chat_model_start(self, serialized: Any, messages: Any, **told: Any) -> None:
            engine.guard(runs.model_began, serialized, told)

        def on_llm_start(self, serialized: Any, prompts: Any, **told: Any) -> None:
            engine.guard(runs.model_began, serialized, told)

        def on_llm_end(self, response: Any, *, run_id: UUID, **_: Any) -> None:
            engine.guard(runs.model_ended, run_id)

        def on_llm_error(self, error: BaseException, *, run_id: UUID, **_: Any) -> None:
            engine.guard(runs.model_ended, run_id)

    return ContextHandler()


class _Runs:
    """The runs of models that go on, and of chains with the name of the outermost."""

    def __init__(self) -> None:
        self._chains: dict[UUID, str] = {}
        self._models: WeakValueDictionary[UUID, Run] = WeakValueDictionary()

    def chain_began(self, serialized: Any, told: dict[str, Any]) -> None:
        # A chain that is never told to be over, as a stream whose event loop is gone, must not cost memory for ever.
        if len(self._chains) >= _MOST_CHAINS:
            self._chains.clear()
        outermost = self._chains.get(told.get("parent_run_id"))  # type: ignore[arg-type]  # None has no chain
        self._chains[told["run_id"]] = outermost or _name(serialized, told)

    def chain_ended(self, run_id: UUID) -> None:
        self._chains.pop(run_id, None)

    def model_began(self, serialized: Any, told: dict[str, Any]) -> None:
        run_id = told["run_id"]
        attributes = {
            "langchain.chain": self._chains.get(told.get("parent_run_id"), ""),  # type: ignore[arg-type]  # as above
            "langchain.run_name": _name(serialized, told),
            "langchain.run_id": str(run_id),
            "langchain.tags": ",".join(told.get("tags") or ()),
        }
        run = Run(tags_in(told.get("metadata")), {key: value for key, value in attributes.items() if value})
        self._models[run_id] = run
        run.begin()

    def model_ended(self, run_id: UUID) -> None:
        run = self._models.pop(run_id, None)
        if run is not None:
            run.is_over = True


def _name(serialized: Any, told: dict[str, Any]) -> str:
    """The name that was given to a run, else that of its class."""
    return str(told.get("name") or (serialized or {}).get("name") or "")
