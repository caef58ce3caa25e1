"""How much is recorded of the texts of a call."""

from __future__ import annotations

# The strictest first.
CONTENT_POLICIES = ("off", "hash", "masked", "full")


def strictest(*policies: str) -> str:
    """The one that records least; an empty one has no say, and the result is empty when none has."""
    return min((policy for policy in policies if policy), key=CONTENT_POLICIES.index, default="")


def policy_name(prompt: str, response: str) -> str:
    """What an event says of the two: one word, or `prompt/response` where they differ."""
    return prompt if prompt == response else f"{prompt}/{response}"
