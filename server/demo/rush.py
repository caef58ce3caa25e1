"""A provider on an ordinary day with a rush: it refuses many requests to one model for a while."""

from __future__ import annotations

import random
from dataclasses import dataclass, replace

from server.demo.behaviour import Arrival, Behaviour, Plan


@dataclass(frozen=True, slots=True, kw_only=True)
class Rush:
    """`usual`, but of every `cycle` requests for `model` it refuses `refused_share` of those in the second quarter.

    Others do not count: on a busy machine the apps that use the model may come late.
    """

    usual: Behaviour
    seed: int
    cycle: int
    model: str
    refused_share: float

    def plan(self, arrival: Arrival) -> Plan:
        """A plan drawn from the seed and the arrival's number."""
        plan = self.usual.plan(arrival)
        is_rush = self.cycle // 4 <= arrival.of_model % self.cycle < self.cycle // 2
        is_refused = random.Random(f"{self.seed}/rush/{arrival.of_model}").random() < self.refused_share
        return replace(plan, http_status=429) if is_rush and is_refused and arrival.model == self.model else plan
