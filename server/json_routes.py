"""Questions over HTTP that are answered with a JSON object; what is wrong with one is a sentence in its `error`."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Mapping
from typing import Any, Final

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from server.exact_json import as_json
from store.errors import BackupError

Answer = Mapping[str, Any] | Response

# Closing a month or changing the price book reads what is there and adds to it under the next number: two at once would
# take the same one, and book the same cost twice.
_one_change_at_a_time: Final = threading.Lock()


class NotThere(Exception):
    """What was asked for by its name is not there; the message says where the names are."""


def read_route(path: str, ask: Callable[[Request], Answer]) -> Route:
    """A GET that `ask` answers, in one of the server's threads. A ValueError is a 400 that says so, NotThere a 404."""

    def answer(request: Request) -> Response:
        return _answered(lambda: ask(request))

    return Route(path, answer)


def admin_route(path: str, act: Callable[[Mapping[str, Any]], Answer]) -> Route:
    """A POST of a JSON object that `act` answers, with what the path names in it; one after the other in this process.

    Errors are those of `read_route`, and a BackupError is a 400 as well.
    """

    async def answer(request: Request) -> Response:
        body = await request.body()

        def acted() -> Answer:
            asked = {**_object(body), **request.path_params}
            with _one_change_at_a_time:
                return act(asked)

        return await run_in_threadpool(_answered, acted)

    return Route(path, answer, methods=["POST"])


def _answered(ask: Callable[[], Answer]) -> Response:
    try:
        found = ask()
    except (ValueError, BackupError) as error:
        return JSONResponse({"error": str(error)}, status_code=400)
    except NotThere as error:
        return JSONResponse({"error": str(error)}, status_code=404)
    return found if isinstance(found, Response) else Response(as_json(found), media_type="application/json")


def _object(body: bytes) -> dict[str, Any]:
    try:
        found = json.loads(body or b"{}")
    except (ValueError, RecursionError) as error:
        raise ValueError("the body must be JSON") from error
    if not isinstance(found, dict):
        raise ValueError("the body must be a JSON object")
    return found
