"""Which endpoint of which provider a request goes to. It is asked on the app's thread, for every request."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Sequence
from typing import Any, Final

from tokentide.hooks.provider import Provider, Route

_KNOWN_PATHS: Final = 256


class Routes:
    """The endpoints of all providers."""

    def __init__(self, providers: Iterable[Provider]) -> None:
        routes = tuple(Route(provider, endpoint) for provider in providers for endpoint in provider.endpoints)
        self._paths = tuple({route.endpoint.path for route in routes})
        # An app calls few different paths, each of them often.
        self._ending = functools.lru_cache(_KNOWN_PATHS)(functools.partial(_ending, routes))

    def find(self, request: Any, provider: Provider | None) -> Route | None:
        """Where a request of the `provider`'s client library goes, or one that no client library frames; None if it is
        no call of a model.
        """
        path: str = request.url.path
        if not path.endswith(self._paths):
            return None
        found = self._ending(path)
        if provider is None:
            found = [each for each in found if _is_plain(each, request) and each.endpoint.is_ours(request)]
        for route in found:
            if route.provider is provider:
                return route
        if len(found) < 2:
            return found[0] if found else None
        return next((route for route in found if _is_at_home(route, request)), found[0])


def _is_plain(route: Route, request: Any) -> bool:
    """Whether the address alone tells that a model is called: by a path that says so on any host, or by the host."""
    return request.url.path.endswith(route.endpoint.plain_path) or _is_at_home(route, request)


def _is_at_home(route: Route, request: Any) -> bool:
    return f".{request.url.host}".endswith(_ends(route.provider))


def _ending(routes: Iterable[Route], path: str) -> Sequence[Route]:
    return [route for route in routes if path.endswith(route.endpoint.path)]


@functools.cache
def _ends(provider: Provider) -> tuple[str, ...]:
    return tuple(f"{before}{end}" for end in provider.hosts for before in (".", "-"))
