"""Who may ask what of a program: one decision about every request, taken before any route sees it.

Under `/api/admin/` stored data are changed or deleted: with the admin token, or from this machine while there is none.
Everything else is read: by everyone, or with the read token once there is one. The intake has tokens of its own.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, NamedTuple
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from collector.formats import FORMATS
from server.config import ServerConfig

ADMIN: Final = "/api/admin"
# Probes know no passwords.
OPEN: Final = frozenset({"/healthz", "/readyz", *FORMATS})
_BY_A_PROXY: Final = ("forwarded", "x-forwarded-for", "x-forwarded-host", "x-real-ip", "via")


@dataclass(frozen=True, slots=True)
class Access:
    """The tokens, empty where none is set, and the name that the program listens on."""

    admin_token: str = ""
    read_token: str = ""
    host: str = "127.0.0.1"


class Asked(NamedTuple):
    """What a decision needs of a request; names of headers are in lower case, `client` is the other end's address."""

    path: str
    headers: Mapping[str, str]
    client: str


class Refusal(NamedTuple):
    """What a refused request is answered."""

    status: int
    sentence: str
    challenge: str = ""


def access_of(config: ServerConfig) -> Access:
    """What the settings say. Raises ConfigError when a file with a token cannot be read."""
    return Access(config.token(), config.reading_token(), config.host)


def refusal(asked: Asked, access: Access) -> Refusal | None:
    """Why the request is refused; None when it may pass."""
    if asked.path == ADMIN or asked.path.startswith(ADMIN + "/"):
        return _of_a_page(asked) or (_with_token(asked, access) if access.admin_token else _here(asked, access))
    if not access.read_token or asked.path in OPEN:
        return None
    shown = _bearer(asked) or _password(asked)
    # Both are compared, whichever it is.
    may_read = [_same(shown, token) for token in (access.read_token, access.admin_token) if token]
    if any(may_read):
        return None
    return Refusal(
        401, "a token is needed to read: send server.read_token as password or bearer token", 'Basic realm="tokentide"'
    )


def _with_token(asked: Asked, access: Access) -> Refusal | None:
    if _same(_bearer(asked), access.admin_token):
        return None
    return Refusal(401, "this needs the admin token: send Authorization: Bearer with server.admin_token", "Bearer")


def _here(asked: Asked, access: Access) -> Refusal | None:
    if any(name in asked.headers for name in _BY_A_PROXY) or not _is_loopback(asked.client):
        return Refusal(403, "only this machine may do this: set server.admin_token and send it as a bearer token")
    # A name of somebody else's that was made to lead here would make their page one of this program's.
    name = _host_name(asked.headers.get("host", ""))
    if name not in ("localhost", access.host.lower()) and not _is_loopback(name):
        return Refusal(403, "this name is not this machine's: ask 127.0.0.1, or set server.admin_token")
    return None


def _of_a_page(asked: Asked) -> Refusal | None:
    """Browsers say from where a page asks; older ones say only the page's origin. Other programs say neither."""
    site, origin = asked.headers.get("sec-fetch-site"), asked.headers.get("origin")
    if site is None:
        foreign = origin is not None and origin.lower().partition("://")[2] != asked.headers.get("host", "").lower()
    else:
        foreign = site.lower() not in ("same-origin", "none")
    return Refusal(403, "pages of other sites may not do this: use the command line") if foreign else None


def _bearer(asked: Asked) -> str:
    scheme, _, token = asked.headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


def _password(asked: Asked) -> str:
    scheme, _, given = asked.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "basic":
        return ""
    try:
        return base64.b64decode(given.strip(), validate=True).decode().partition(":")[2]
    except (binascii.Error, ValueError):
        return ""


def _same(shown: str, token: str) -> bool:
    """In the same time, however much of it is right and however long it is."""
    return hmac.compare_digest(*(hashlib.sha256(text.encode()).digest() for text in (shown, token)))


def _is_loopback(address: str) -> bool:
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return False
    mapped = getattr(found, "ipv4_mapped", None)
    return (mapped or found).is_loopback


def _host_name(host: str) -> str:
    try:
        return (urlsplit(f"//{host}").hostname or "").lower()
    except ValueError:
        return ""


class AccessControl:
    """Asks `refusal` about every request, and lets the application that it wraps see those that may pass."""

    def __init__(self, app: ASGIApp, access: Access) -> None:
        self._app = app
        self._access = access

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        refused = refusal(_asked(scope), self._access) if scope["type"] == "http" else None
        if refused is None:
            await self._app(scope, receive, send)
            return
        headers = {"WWW-Authenticate": refused.challenge} if refused.challenge else None
        await JSONResponse({"error": refused.sentence}, refused.status, headers)(scope, receive, send)


def _asked(scope: Scope) -> Asked:
    return Asked(scope["path"], Headers(scope=scope), (scope.get("client") or ("",))[0])
