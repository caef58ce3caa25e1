"""Every LLM call of an application accounted for: what it cost, who made it, how it went.

import tokentide

tokentide.instrument(transport="http")

with tokentide.context(team="search", feature="answers"):
    client.chat.completions.create(...)
"""

from __future__ import annotations

from _thread import allocate_lock

from tokentide.context import context
from tokentide.version import VERSION as __version__

TYPE_CHECKING = False  # as in `typing`, which alone takes longer to import than all of this
if TYPE_CHECKING:
    from typing import Any

    from tokentide.call import LLMCall
    from tokentide.config import Settings
    from tokentide.emitter import Emitter
    from tokentide.hooks._engine import Engine
    from tokentide.manual import cache_hit, record

__all__ = [
    "LLMCall",
    "__version__",
    "cache_hit",
    "context",
    "flush",
    "instrument",
    "record",
    "uninstrument",
]

_lock = allocate_lock()
_running: tuple[Settings, Engine, Emitter] | None = None


def instrument(transport: str | None = None, **settings: Any) -> None:
    """Records every LLM call that this process makes from now on, through clients that exist already too.

    `transport` is "http", "kafka" or "memory"; the other settings are the fields of `tokentide.config.Settings`. What
    is not given comes from the environment (`TOKENTIDE_TEAM`, …), where a wrong value is only logged. A second call
    changes nothing; when it asks for other settings, that is logged. Raises ValueError for an argument that is unknown
    or has a wrong value, and for a transport whose libraries are not installed.
    """
    global _running
    import logging

    from tokentide import config
    from tokentide.emitter import Emitter
    from tokentide.hooks._engine import Engine
    from tokentide.hooks._read import Reader
    from tokentide.transports import open_transport

    given = settings if transport is None else {"transport": transport, **settings}
    loaded = config.load(**given)
    with _lock:
        if _running is not None:
            if _running[0] != loaded:
                logging.getLogger("tokentide").warning(
                    "tokentide records already: call uninstrument() before you change its settings"
                )
            return
        reader = Reader(loaded, lambda: emitter.count_hook_error(told=True))
        emitter = Emitter(loaded, open_transport(loaded), reader, weigh=lambda attempt: attempt.held_bytes())
        engine = Engine(emitter, captures=loaded.captures, usage_hosts=loaded.include_usage_hosts)
        emitter.before_exit = engine.leave_streams
        engine.start()
        _running = loaded, engine, emitter


def uninstrument() -> None:
    """Records no more calls, puts back what was patched and sends what is left, for at most two seconds.

    LangChain takes no handler back: tokentide's stays there and does nothing any more.
    """
    global _running
    with _lock:
        running, _running = _running, None
    if running is not None:
        _, engine, emitter = running
        engine.stop()
        emitter.close()


def flush(timeout: float = 2.0) -> bool:
    """Waits up to `timeout` seconds until every call so far has been handed over; whether it has.

    For processes that are frozen or killed between two requests; others need not call it.
    """
    running = _running
    return True if running is None else running[2].flush(timeout)


def __getattr__(name: str) -> Any:
    # The event and what it needs take longer to import than all the rest; an app rarely names it.
    if name == "LLMCall":
        from tokentide.call import LLMCall

        return LLMCall
    if name in ("cache_hit", "record"):
        from tokentide import manual

        return getattr(manual, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
