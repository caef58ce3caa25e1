"""The texts of a call that another tool recorded, under the collector's policy and with the masking of the SDK."""

from __future__ import annotations

import logging
from typing import Any, Final

from tokentide.config import Settings
from tokentide.hooks._texts import Texts as SdkTexts

_logger = logging.getLogger(__name__)


class Texts:
    """The content fields of second-hand events, under one policy (off, hash, masked or full) and one user key."""

    def __init__(self, policy: str, user_key: str) -> None:
        self.policy: Final = policy
        self._texts = SdkTexts(Settings(user_key=user_key), _say_failure)

    def fields(self, prompt: str, response: str) -> dict[str, Any]:
        """The fields of one call; an empty text is one that nobody recorded."""
        found: dict[str, Any] = {"content_policy": self.policy}
        if prompt:
            found |= self._texts.prompt(prompt, self.policy)
        if response:
            found |= self._texts.response(response, self.policy, has_hole=False)
        return found


def _say_failure() -> None:
    _logger.warning("a text of a second-hand event could not be masked; it is left out")
