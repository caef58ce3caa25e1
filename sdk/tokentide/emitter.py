"""Takes events from the app's threads without making them wait, and sees to it that each is delivered or accounted for.

emitter = Emitter(settings, open_transport(settings), read)
emitter.emit(attempt)
"""

from __future__ import annotations

import contextlib
import logging
import random
import sys
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timezone
from queue import Empty, SimpleQueue
from typing import Any, Final

from tokentide import process_end
from tokentide.backlog import Backlog
from tokentide.config import Settings
from tokentide.delivery import Delivery
from tokentide.hand import Read
from tokentide.patience import patience_s
from tokentide.signals import came_from_a_signal
from tokentide.spool import Spool, spool_folder
from tokentide.transports.transport import THREAD_PREFIX, Transport

QUICKEST_LOOK_S: Final = 0.05
SLOWEST_LOOK_S: Final = 0.2
LONGEST_FLUSH_S: Final = 86_400.0
SECONDS_OF_A_DAY: Final = 86_400

_logger = logging.getLogger("tokentide")


@dataclass(slots=True)
class _Request:
    """Asks the worker to deliver or spool everything that is queued, sending nothing after `deadline`."""

    deadline: float
    closing: bool
    kept: bool = False
    done: threading.Event = field(default_factory=threading.Event)


class _Worker:
    """One producer: the queue, its numbering and the thread that empties it. The thread starts with the first event."""

    def __init__(self, owner: Emitter, queue: Backlog, delivery: Delivery) -> None:
        self._owner = owner  # While the thread runs, its emitter must be there to be closed at exit.
        self.put = queue.put
        self.delivery = delivery
        self.running = False
        self._queue = queue
        self._ended = False
        self._requests: deque[_Request] = deque()
        # Neither makes a signal handler wait that comes while its own thread is using it.
        self._wake: SimpleQueue[None] = SimpleQueue()
        self._starting = threading.Lock()

    def start(self) -> None:
        """Start the thread unless it runs or the producer is closed.

        A process that is ending starts none: `Emitter.close` copes with that.
        """
        if not self._starting.acquire(blocking=False):
            return  # somebody is starting it
        try:
            if process_end.threads_may_start and not self.running and self._owner.is_open(self):
                self.running = True
                process_end.close_with_multiprocessing()
                try:
                    threading.Thread(target=self._run, name=f"{THREAD_PREFIX}-emitter", daemon=True).start()
                except RuntimeError:
                    self.running = False
        finally:
            self._starting.release()

    def queued(self) -> int:
        """How many events wait."""
        return len(self._queue)

    def idle(self) -> bool:
        """Whether there is no thread, nothing to deliver and nothing to report."""
        return not self.running and not self._queue and not self.delivery.account.has_news()

    def ask(self, request: _Request, patience_s: float) -> None:
        """Wait until the thread has done what is asked, for so long at most."""
        self._requests.append(request)
        self._wake.put(None)
        self.wait(request, patience_s)

    def wait(self, request: _Request, patience_s: float) -> None:
        """Wait for what was asked, for so long at most."""
        if self.running:
            request.done.wait(max(0.0, patience_s))

    def end(self, request: _Request, timeout_s: float) -> None:
        """Take over what the thread was asked for and has not done. Then nobody looks into the queue any more."""
        if request.done.is_set() or self.delivery.hand.take_over(timeout_s):
            self._ended = True
            self.pass_on()

    def pass_on(self) -> None:
        """Give what comes too late to the next producer: now, or when this one has ended."""
        while self._ended and self._queue:
            with contextlib.suppress(IndexError):  # another thread was quicker
                seq, attempt = self._queue.take()
                if not self.delivery.account.tells_of(seq):
                    self._owner.emit(attempt)

    def _run(self) -> None:
        look_s = QUICKEST_LOOK_S
        try:
            while not self.delivery.hand.taken_over and not self._serve():
                look_s = QUICKEST_LOOK_S if self._queue else min(look_s * 1.5, SLOWEST_LOOK_S)
                # Only requests wake this thread. To wake it for every event would cost the app's threads too much.
                if not self._step():
                    with contextlib.suppress(Empty):
                        self._wake.get(timeout=look_s)
        finally:
            self.running = False

    def _step(self) -> bool:
        try:
            return self.delivery.step()
        except Exception:
            # The thread must live on; what it has in hand is tried again.
            _logger.debug("a step of the worker failed", exc_info=True)
            return False

    def _serve(self) -> bool:
        """Do what was asked; whether that was to close."""
        while self._requests:
            request = self._requests.popleft()
            try:
                request.kept = self.delivery.finish(request.deadline, closed=request.closing)
                if request.closing:
                    self.delivery.close()
            except Exception:
                # Not done: `flush` says so when its time is up, and `close` takes over.
                _logger.debug("a request to the worker failed", exc_info=True)
            else:
                request.done.set()
            if request.closing:
                return True
        return False


class Emitter:
    """What hooks hand their attempts to. It never raises into the app, never waits for the far side, and keeps at most
    `settings.queue_size` attempts and `settings.queue_max_bytes` in memory.

    `read` makes an event of an attempt, on the worker thread; `weigh` says how many bytes of memory an attempt keeps,
    about and at once, on the app's. `clock` counts seconds, `jitter` gives a number from 0
    to 1. A forked child goes on as a producer of its own. `before_exit` may be set: it is called when the process
    ends, while everything can still be emitted.
    """

    def __init__(
        self,
        settings: Settings,
        transport: Transport,
        read: Read,
        *,
        weigh: Callable[[Any], int] = sys.getsizeof,
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], datetime] = lambda: datetime.now(timezone.utc),
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self.transport = transport
        self._settings, self._read, self._weigh = settings, read, weigh
        self._clock, self._now, self._jitter = clock, now, jitter
        self._worker = self._new_worker(transport)
        self._closed: _Worker | None = None
        self.before_exit: Callable[[], object] = lambda: None
        process_end.register(self)

    def emit(self, attempt: object) -> None:
        """Queue an attempt. When there are too many the oldest one falls out; that is counted as `overflow`."""
        worker = self._worker
        worker.put(attempt, self._weigh(attempt))
        if worker is not self._worker:
            worker.pass_on()
        elif not worker.running:
            worker.start()
            if not (process_end.threads_may_start or sys.is_finalizing()):
                self.close()

    def is_open(self, worker: _Worker) -> bool:
        """Whether events go to this one: it is not closed."""
        return worker is self._worker

    def count_hook_error(self, told: bool = False) -> None:
        """Count a failure of a hook. The next report says how many there were; so does the log, once, unless `told`."""
        worker = self._worker
        if told and not worker.running and self._closed is not None:
            # Of an event that is read while its worker is closed, that one's report tells.
            self._closed.delivery.account.counts_hook_error(told)
            return
        worker.delivery.account.counts_hook_error(told)
        if not worker.running:
            worker.start()

    def flush(self, timeout: float = 2.0) -> bool:
        """Wait, `timeout` seconds at most, until everything emitted before is out of the process's memory.

        True: every such event was acknowledged by the far side or is in the spool on disk, from where this process or
        the next one delivers it; a report of the counts as well. False: the time was too short, or some event was
        dropped since the last call, which the report counts. Delivery goes on, but when it was the far side that took
        so long, every such event is in the spool by now, if that takes it and the time was enough to read it.
        What a signal handler of the app raises meanwhile, a time limit for example, goes on to the app.
        """
        try:
            return self._flush(min(timeout, LONGEST_FLUSH_S))
        except Exception as error:
            if came_from_a_signal(error):
                raise
            _logger.debug("flush failed", exc_info=True)
            return False

    def close(self, timeout: float = 2.0) -> None:
        """Deliver what is queued; what cannot be delivered in time goes to the spool. Takes about `timeout` at most.

        Half of the time is for the far side, less when there is so much in the queue that spooling it will take longer.
        Events emitted afterwards start a new producer.
        """
        try:
            self._close(timeout)
        except Exception:
            # What can still be done is done at the next start, out of the spool.
            _logger.debug("close failed", exc_info=True)

    def start_over_in_child(self) -> None:
        """Forget the parent's events and connections, which stay the parent's; called in a forked child."""
        inherited = self._worker
        self.transport = self.transport.renewed()
        self._worker = self._new_worker(self.transport)
        inherited.delivery.forget()

    def _flush(self, timeout: float) -> bool:
        worker = self._worker
        if worker.idle():
            return True
        if not worker.running:
            worker.start()
        give_up = self._clock() + timeout
        request = _Request(self._clock() + 0.75 * timeout, closing=False)
        worker.ask(request, patience_s(timeout, 0.8 * timeout, worker.queued()))
        if not request.done.is_set():
            worker.delivery.hand.keep(max(0.0, give_up - self._clock()))
            worker.wait(request, give_up - self._clock())
        return request.kept

    def _close(self, timeout: float) -> None:
        # The old one may still be using its transport when a new one starts.
        transport = self.transport.renewed()
        successor = self._new_worker(transport)
        patience = patience_s(timeout, 0.5 * timeout, self._worker.queued())
        request = _Request(self._clock() + 0.8 * patience, closing=True)
        # Nothing may come between: each of two threads that close at once has a worker of its own to close.
        worker, self._worker = self._worker, successor
        try:
            self._closed, self.transport = worker, transport
            if worker.idle():
                request.done.set()
            else:
                worker.ask(request, patience)
        finally:  # Ctrl-C ends the wait for the far side; the spool is quick.
            try:
                worker.end(request, timeout - patience)
            except BaseException:  # Ctrl-C once more
                worker.end(request, timeout - patience)
                raise

    def _new_worker(self, transport: Transport) -> _Worker:
        settings = self._settings
        queue = Backlog(settings.queue_size, settings.queue_max_bytes)
        spool = Spool(spool_folder(settings), settings.spool_max_bytes, settings.spool_max_age_days * SECONDS_OF_A_DAY)
        delivery = Delivery(
            queue,
            transport,
            spool,
            self._read,
            app=settings.app,
            clock=self._clock,
            now=self._now,
            jitter=self._jitter,
        )
        return _Worker(self, queue, delivery)
