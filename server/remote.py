"""A running tokentide, asked over HTTP by the command line because it owns the store."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import httpx

from server.config import Config, ConfigError, ServerConfig
from server.tls import only_this_certificate

_TIMEOUT_S = 60.0


class Remote:
    """The running tokentide at `url`, or where the configuration says that it listens."""

    def __init__(self, config: Config, url: str | None = None) -> None:
        self.url = (url or _address(config.server)).rstrip("/")
        # Of its own program it knows the certificate, whoever issued it and for whatever name.
        certificate = None if url else config.server.tls_certificate
        self._verify = only_this_certificate(certificate) if certificate else True
        token = config.server.token() or config.server.reading_token()
        self._headers = {"Authorization": f"Bearer {token}"} if token else {}

    def get(self, path: str, params: Mapping[str, str | int] | None = None) -> Any:
        """The JSON that it answers. Raises ConfigError when it does not answer or refuses."""
        return self._ask("GET", path, params=dict(params or {}))

    def post(self, path: str, body: Any = None, timeout_s: float | None = _TIMEOUT_S) -> Any:
        """The JSON that it answers to the JSON `body`. Raises ConfigError when it does not answer or refuses.

        `timeout_s` None waits for as long as it works.
        """
        return self._ask("POST", path, json=body, timeout=timeout_s)

    def stream(self, path: str, params: Mapping[str, str]) -> Iterator[bytes]:
        """The bytes that it answers, piece by piece. Raises ConfigError when it refuses, or stops before the end."""
        waits = httpx.Timeout(_TIMEOUT_S, read=None)
        try:
            with httpx.stream(
                "GET", self.url + path, params=params, headers=self._headers, timeout=waits, verify=self._verify
            ) as answer:
                if answer.status_code != 200:
                    answer.read()
                    raise ConfigError(_said(answer))
                yield from answer.iter_bytes()
        except httpx.HTTPError as error:
            raise ConfigError(f"{self.url} did not answer to the end: look at its log, ask again ({error})") from error

    def send(self, path: str, body: bytes, token: str = "") -> httpx.Response:
        """Whatever it answers to the bytes `body`. Raises httpx.HTTPError when it does not answer.

        `token` is a sender's, for the intake.
        """
        headers = {"Authorization": f"Bearer {token}"} if token else self._headers
        return httpx.post(self.url + path, content=body, headers=headers, timeout=_TIMEOUT_S, verify=self._verify)

    def _ask(self, method: str, path: str, **more: Any) -> Any:
        more = {"timeout": _TIMEOUT_S, **more}
        try:
            answer = httpx.request(method, self.url + path, headers=self._headers, verify=self._verify, **more)
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


def _address(config: ServerConfig) -> str:
    """Where a program on this machine reaches what listens as configured."""
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(config.host, config.host)
    scheme = "https" if config.tls_certificate else "http"
    return f"{scheme}://[{host}]:{config.port}" if ":" in host else f"{scheme}://{host}:{config.port}"


def _said(answer: httpx.Response) -> str:
    try:
        return str(answer.json()["error"])
    except (ValueError, KeyError, TypeError):
        return f"{answer.url} answers with status {answer.status_code}: is it a tokentide of this release?"
