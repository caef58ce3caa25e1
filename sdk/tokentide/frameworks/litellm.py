"""LiteLLM: its calls get the id, tags and key's alias that it knows, and the tags that their metadata names.

A logger in `litellm.callbacks` hears of a call before it is made, in the context that it is made in. Of its end it
hears on another thread, so that a run counts for one operation only: LiteLLM announces each of its own retries anew.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from types import ModuleType
from typing import Any, Final
from weakref import WeakValueDictionary

from tokentide.context import Run
from tokentide.frameworks.metadata import tags_in
from tokentide.hooks._engine import Engine

# What LiteLLM's proxy knows of the key that a call was made with, where the call's own metadata does not say it.
_OF_THE_KEY: Final = {
    "team": ("user_api_key_team_alias", "user_api_key_team_id"),
    "user": ("user_api_key_end_user_id", "user_api_key_user_id"),
}
# The callbacks, and where LiteLLM copies them to when the first call is made.
_LISTS: Final = (
    "callbacks",
    *("input_callback", "success_callback", "failure_callback", "service_callback"),
    *("_async_input_callback", "_async_success_callback", "_async_failure_callback"),
)
_ATTRIBUTES: Final = {"litellm.key": "user_api_key_alias", "litellm.model_group": "model_group"}


class _Calls:
    """The calls that were announced, as long as they are in a context."""

    def __init__(self) -> None:
        self.engine: Engine | None = None
        self.logger: Any = None
        self._runs: WeakValueDictionary[str, Run] = WeakValueDictionary()

    def told(self, step: Callable[[Mapping[str, Any]], None], details: Mapping[str, Any]) -> None:
        """Does one of the steps below, unless nothing is recorded."""
        if self.engine is not None and not self.engine.is_idle:
            self.engine.guard(step, details)

    def began(self, details: Mapping[str, Any]) -> None:
        # A call is announced twice when it is async, the second time perhaps in a thread.
        call_id = str(details.get("litellm_call_id", ""))
        run = self._runs.get(call_id)
        if run is None or run.is_over:
            run = self._runs[call_id] = make_run(call_id, _metadata(details))
        run.begin()

    def ended(self, details: Mapping[str, Any]) -> None:
        run = self._runs.pop(str(details.get("litellm_call_id", "")), None)
        if run is not None:
            run.is_over = True


_calls = _Calls()


def attach(module: ModuleType, engine: Engine) -> None:
    """Adds a logger to LiteLLM's callbacks, until the engine stops."""
    _calls.engine = engine
    _calls.logger = _calls.logger or make_logger()
    if _calls.logger not in module.callbacks:
        module.callbacks.append(_calls.logger)
    engine.on_stop(partial(_detach, module, engine))


def _detach(module: ModuleType, engine: Engine) -> None:
    """Takes the logger out of all of LiteLLM's lists, unless another engine has attached it anew."""
    if _calls.engine is not engine:
        return
    _calls.engine = None
    for listed in (getattr(module, name, None) for name in _LISTS):
        while isinstance(listed, list) and _calls.logger in listed:
            listed.remove(_calls.logger)


def make_logger() -> Any:
    """A logger of LiteLLM's that only remembers what is called."""
    from litellm.integrations.custom_logger import CustomLogger

    class ContextLogger(CustomLogger):  # type: ignore[misc]  # the base class is known at run time only
        def log_pre_api_call(self, model: Any, messages: Any, kwargs: Any) -> None:
            _calls.told(_calls.began, kwargs)

        async def async_pre_call_deployment_hook(self, kwargs: Any, call_type: Any) -> None:
            _calls.told(_calls.began, kwargs)

        def log_success_event(self, kwargs: Any, *_: Any, **__: Any) -> None:
            _calls.told(_calls.ended, kwargs)

        def log_failure_event(self, kwargs: Any, *_: Any, **__: Any) -> None:
            _calls.told(_calls.ended, kwargs)

        async def async_log_success_event(self, kwargs: Any, *_: Any, **__: Any) -> None:
            _calls.told(_calls.ended, kwargs)

        async def async_log_failure_event(self, kwargs: Any, *_: Any, **__: Any) -> None:
            _calls.told(_calls.ended, kwargs)

    return ContextLogger()


def make_run(call_id: str, metadata: Mapping[str, Any]) -> Run:
    """The run of one call, for the one operation that it makes."""
    of_the_key = {
        name: next((str(metadata[key]) for key in keys if metadata.get(key)), "") for name, keys in _OF_THE_KEY.items()
    }
    tags = metadata.get("tags")
    attributes = {
        "litellm.call_id": call_id,
        "litellm.tags": ",".join(map(str, tags)) if isinstance(tags, (list, tuple)) else "",
        **{name: str(metadata.get(key) or "") for name, key in _ATTRIBUTES.items()},
    }
    said = {name: value for name, value in of_the_key.items() if value} | tags_in(metadata)
    return Run(said, {name: value for name, value in attributes.items() if value}, is_single=True)


def _metadata(told: Mapping[str, Any]) -> Mapping[str, Any]:
    """What the caller and the proxy say of a call, wherever LiteLLM has put it by now."""
    places = (told.get("litellm_params"), told)
    found = (place.get(key) for place in places if place for key in ("metadata", "litellm_metadata"))
    return next((metadata for metadata in found if metadata), {})
