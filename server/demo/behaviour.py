"""What the demo's provider does with a request: decided purely, from the request and a seed."""

from __future__ import annotations

import random
import re
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """One request as it reached the provider; `retry` is what the client says of its tries.

    `number` counts all requests from 0, `of_model` those for the same model.
    """

    number: int
    of_model: int = 0
    at: datetime
    provider: str
    operation: str
    model: str
    team: str
    retry: int
    stream: bool
    prompt: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How one request is answered.

    `http_status` other than 200 sends the provider's error document, with `error_code` where one is given.
    A stream comes in `chunks` pieces, `gap_seconds` apart, and loses its connection after `cut_after` of them.
    An empty `answer` is made up from the prompt. `cached_share` of the prompt counts as read from the cache.
    """

    http_status: int = 200
    error_code: str = ""
    retry_after_ms: int = 20
    delay_seconds: float = 0.0
    chunks: int = 20
    gap_seconds: float = 0.0
    cut_after: int | None = None
    answer: str = ""
    cached_share: float = 0.0


class Behaviour(Protocol):
    """Decides about every request. It must be pure: the same arrival gets the same plan."""

    def plan(self, arrival: Arrival) -> Plan:
        """The plan for this request."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Mixture:
    """Independent draws: some requests are refused with 429, some fail with 500, some are slow, the rest is plain."""

    seed: int = 0
    rate_limited_share: float = 0.0
    failed_share: float = 0.0
    slow_share: float = 0.0
    slow_seconds: float = 0.5
    delay_seconds: float = 0.0
    chunks: int = 20
    gap_seconds: float = 0.0
    cached_share: float = 0.0

    def plan(self, arrival: Arrival) -> Plan:
        """A plan drawn from the seed and the arrival's number."""
        draw = random.Random(f"{self.seed}/{arrival.number}")
        answered = Plan(
            delay_seconds=self.slow_seconds if draw.random() < self.slow_share else self.delay_seconds,
            chunks=self.chunks,
            gap_seconds=self.gap_seconds,
            cached_share=self.cached_share,
        )
        fate = draw.random()
        if fate < self.rate_limited_share:
            return replace(answered, http_status=429)
        if fate < self.rate_limited_share + self.failed_share:
            return replace(answered, http_status=500)
        return answered


_INSTRUCTION = re.compile(r"(fail|status|delay|cut|cached|long|s)(\d+)(?:x(\d+))?-")


def told_by_name(arrival: Arrival, plan: Plan) -> Plan:
    """`plan`, changed by the instructions that the model's name begins with.

    `fail2-` refuses the first two tries with 429, `status500-` answers that status, `delay200-` waits 200 ms,
    `s20x5-` streams 20 pieces 5 ms apart, `cut3-` breaks the stream after 3 pieces, `cached50-` reads half of the
    prompt from the cache, `long9000-` answers with 9000 characters. Instructions add up: `fail1-s20x5-gpt-4o`.
    """
    rest = arrival.model
    while found := _INSTRUCTION.match(rest):
        word, number, gap = found[1], int(found[2]), found[3]
        rest = rest[found.end() :]
        if word == "fail" and arrival.retry < number:
            plan = replace(plan, http_status=429)
        elif word == "status":
            plan = replace(plan, http_status=number)
        elif word == "delay":
            plan = replace(plan, delay_seconds=number / 1000)
        elif word == "cut":
            plan = replace(plan, cut_after=number)
        elif word == "cached":
            plan = replace(plan, cached_share=number / 100)
        elif word == "long":
            plan = replace(plan, answer=("All work and no play. " * (number // 22 + 1))[:number])
        elif word == "s":
            plan = replace(plan, chunks=number, gap_seconds=int(gap or 0) / 1000)
    return plan
