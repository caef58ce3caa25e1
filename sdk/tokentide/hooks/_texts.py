"""What of the texts of a call leaves the process: whole or masked, shortened, or a hash. On the worker's thread."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any, Final

from tokentide.config import Settings
from tokentide.hooks.content import CUT, digest, keyed_digest, shortened
from tokentide.masking import masked
from tokentide.signals import came_from_a_signal

_WITH_TEXT: Final = ("masked", "full")
# What is masked beyond the part of a long text that is kept, so that nothing is cut that a pattern would recognise.
_MARGIN: Final = 24_000

_logger = logging.getLogger("tokentide")


class Texts:
    """The content fields of events, under one set of settings.

    A text that cannot be masked is left out: its field counts as truncated, and `count_failure` is called.
    """

    def __init__(self, settings: Settings, count_failure: Callable[[], object]) -> None:
        self._limit = settings.content_max_chars
        self._key = settings.user_key
        self._mask = settings.mask
        self._count_failure = count_failure
        self._warned = False

    def prompt(self, whole: str, policy: str) -> dict[str, Any]:
        """The fields of a prompt. Its hash is of the text as it came only where there is a key, or nothing to hide.

        From a hash without a key, what was masked could be found out by trying.
        """
        if policy == "off":
            return {}
        shown = whole if policy == "full" or (policy == "hash" and self._key) else self._masked(whole)
        # Of a long text only the ends are masked: its length tells it from others with the same ends.
        length = f"\n{len(whole)}" if self._is_long(whole) and policy != "full" else ""
        hashed = keyed_digest(whole, self._key) if self._key else digest(shown + length if shown else "")
        return {"prompt_hash": hashed, **self._fields("prompt", whole, shown, policy)}

    def response(self, whole: str, policy: str, has_hole: bool) -> dict[str, Any]:
        """The fields of a response; `has_hole`: it was too long to be kept whole while it arrived."""
        if policy == "off":
            return {}
        fields = self._fields("response", whole, self._masked(whole) if policy == "masked" else whole, policy)
        return {**fields, "response_truncated": True} if has_hole and policy in _WITH_TEXT else fields

    def _fields(self, name: str, whole: str, shown: str | None, policy: str) -> dict[str, Any]:
        chars = {f"{name}_chars": len(whole)}
        if policy not in _WITH_TEXT:
            return chars
        # Masked before it is shortened: a cut may leave a half of a secret that nothing recognises.
        kept, is_cut = shortened(shown or "", self._limit)
        return {name: kept, f"{name}_truncated": is_cut or shown is None or self._is_long(whole), **chars}

    def _masked(self, whole: str) -> str | None:
        """`whole` as it may be seen, of a long one the ends; None when it cannot be told."""
        half = self._limit // 2 + _MARGIN
        ends = (whole[:half], whole[-half:]) if self._is_long(whole) else (whole,)
        try:
            shown = CUT.join(map(masked, ends))
            if self._mask is not None and shown:
                shown = self._mask(shown)
            if not isinstance(shown, str):
                raise TypeError("a mask returns a text")
        except Exception as error:  # whatever the app's function raises
            if came_from_a_signal(error):
                raise
            self._warn(error)
            return None
        return shown

    def _is_long(self, whole: str) -> bool:
        return len(whole) > self._limit + 2 * _MARGIN + len(CUT)

    def _warn(self, error: Exception) -> None:
        self._count_failure()
        if not self._warned:
            self._warned = True
            # Not its message, which may quote the text.
            _logger.warning("a text could not be masked and is left out: %s (said once)", type(error).__name__)
