"""A running tokentide, asked over HTTP by the command line because it owns the store."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import httpx

from server.config import Config, ConfigError

_TIMEOUT_S = 60.0


class Remote:
    """The running tokentide at `url`, or where the configuration says that it listens."""

    def __init__(self, config: Config, url: str | None = None) -> None:
        self.url = (url or f"http://{config.server.host}:{config.server.port}").rstrip("/")
        token = config.server.token()
        self._headers = {"Authorization": f"Bearer {token}"} if token else {}

    def get(self, path: str, params: Mapping[str, str | int] | None = None) -> Any:
        """The JSON that it answers. Raises ConfigError when it does not answer or refuses."""
        return self._ask("GET", path, params=dict(params or {}))

    def post(self, path: str, body: Any = None) -> Any:
        """The JSON that it answers to the JSON `body`. Raises ConfigError when it does not answer or refuses."""
        return self._ask("POST", path, json=body)

    def _ask(self, method: str, path: str, **more: Any) -> Any:
        try:
            answer = httpx.request(method, self.url + path, headers=self._headers, timeout=_TIMEOUT_S, **more)
        except httpx.HTTPError as error:
            raise ConfigError(
                f"no tokentide answers at {self.url}: start it, or name it with --server ({error})"
            ) from error
        if answer.status_code in (400, 401, 403, 404, 409):
            raise ConfigError(_said(answer))
        if answer.status_code != 200:
            raise ConfigError(
                f"{self.url} cannot answer now (status {answer.status_code}): look at its log, then ask again"
            )
        return answer.json()


def _said(answer: httpx.Response) -> str:
    try:
        return str(answer.json()["error"])
    except (ValueError, KeyError, TypeError):
        return f"{answer.url} answers with status {answer.status_code}: is it a tokentide of this release?"
