"""The methods of client libraries that own the retries: a call of one is one operation, with a frame around it."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

from tokentide.hooks.attempt import Frame
from tokentide.hooks.provider import Loop, Provider

if TYPE_CHECKING:
    from tokentide.hooks._engine import Engine


def overriding(owner: type, method: str) -> list[type]:
    """`owner` and those of its subclasses that have a method of that name of their own, as other tools give them."""
    subclasses: list[type] = owner.__subclasses__()
    below = [found for subclass in subclasses for found in overriding(subclass, method)]
    return [owner, *below] if method in owner.__dict__ else below


def framed(
    engine: Engine,
    variable: ContextVar[Frame | None],
    provider: Provider,
    loop: Loop,
    original: Callable[..., Any],
) -> Callable[..., Any]:
    """`original`, sync or async, whose calls are each a frame of the engine's, which `variable` holds meanwhile."""

    def leave(frame: Frame) -> None:
        try:
            engine.guard(variable.reset, frame.token)
        finally:  # a KeyboardInterrupt may come at any line
            engine.guard(engine.close_frame, frame)

    @functools.wraps(original)
    def run(*args: Any, **kwargs: Any) -> Any:
        frame = None
        try:
            frame = engine.guard.ask(engine.open_frame, provider, loop, (*args, *kwargs.values()))
            return original(*args, **kwargs)
        finally:
            if frame is not None:
                leave(frame)

    @functools.wraps(original)
    async def run_async(*args: Any, **kwargs: Any) -> Any:
        frame = None
        try:
            frame = engine.guard.ask(engine.open_frame, provider, loop, (*args, *kwargs.values()))
            return await original(*args, **kwargs)
        finally:
            if frame is not None:
                leave(frame)

    return run_async if inspect.iscoroutinefunction(original) else run
