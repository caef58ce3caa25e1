"""Everything that runs in the demo: the provider, Kafka if asked for, `tokentide up` and the apps."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, Final

from server.demo.plan import TOPIC, DemoOptions, app_settings, behaviour, orders, server_settings
from server.demo.processes import App, Tokentide, free_port
from server.demo.provider import RunningProvider, running_provider
from server.kafka_broker import KafkaBroker

_AWAY_S: Final = 60.0


class Stage:
    """`with Stage(options, folder, say) as stage:` starts everything, and ends it in the opposite order.

    `say` hears of everything that takes a while. Raises DemoError, KafkaBrokerError.
    """

    provider: RunningProvider
    tokentide: Tokentide
    apps: list[App]

    def __init__(self, options: DemoOptions, folder: Path, say: Callable[[str], object]) -> None:
        self._options = options
        self._folder = folder
        self._say = say
        self._broker: KafkaBroker | None = None
        self._running = contextlib.ExitStack()

    def __enter__(self) -> Stage:
        with contextlib.ExitStack() as on_failure:
            self.provider = on_failure.enter_context(running_provider(behaviour(self._options)))
            bootstrap = self._start_broker(on_failure) if self._options.transport == "kafka" else None
            self._say("Starting tokentide …")
            port = self._options.port or free_port()
            url = f"http://127.0.0.1:{port}"
            self.tokentide = Tokentide(port, server_settings(self._options, self._folder, url, bootstrap), self._folder)
            on_failure.callback(self.tokentide.stop)
            self.tokentide.start()
            environment = app_settings(self._folder, self.provider.url, url, bootstrap)
            self.apps = [App(each, environment, self._folder) for each in orders(self._options)]
            for app in self.apps:
                on_failure.callback(app.stop)
                app.start()
            self._running = on_failure.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._running.close()

    def summary(self) -> dict[str, Any]:
        """What tokentide says, once it answers; what has died meanwhile is started again. Raises DemoError."""
        give_up = time.monotonic() + _AWAY_S
        while time.monotonic() < give_up:
            self._revive()
            if found := self.tokentide.summary():
                return found
            time.sleep(0.2)
        raise self.tokentide.failed("does not answer")

    def summaries(self, every_s: float, patience_s: float) -> Iterator[dict[str, Any]]:
        """What tokentide says, again and again, for `patience_s` at most. Raises DemoError when an app ends early."""
        give_up = time.monotonic() + patience_s
        while True:
            for app in self.apps:
                if app.has_ended():
                    raise app.failed("ended early")
            yield self.summary()
            if time.monotonic() >= give_up:
                return
            time.sleep(every_s)

    def _start_broker(self, stack: contextlib.ExitStack) -> str:
        self._say("Starting Apache Kafka …")
        self._broker = stack.enter_context(KafkaBroker(self._folder / "kafka", progress=self._say))
        self._broker.create_topic(TOPIC, partitions=2)
        return self._broker.bootstrap

    def _revive(self) -> None:
        if self._broker and self._broker.has_ended():
            self._say("Kafka was killed: starting it again …")
            self._broker.start()
        if self.tokentide.has_ended():
            self._say("tokentide was killed: starting it again …")
            self.tokentide.start()
