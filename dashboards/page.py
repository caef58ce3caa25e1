"""The built-in page: `routes(store, config)` serves its files, the panels' definitions, and their answers as JSON."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, Final

from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles

from dashboards.config import RANGES, DashboardsConfig
from dashboards.headers import SecurityHeaders
from dashboards.overview import OVERVIEW
from dashboards.panel import STATES, Dashboard
from dashboards.span import Span, SpanError, parse_span
from store.connection import Result, Store
from store.errors import QueryError, StoreError
from store.sql import Query

log = logging.getLogger(__name__)

_STATIC: Final = Path(__file__).parent / "static"

Endpoint = Callable[[Request], Response]


def routes(store: Store, config: DashboardsConfig | None = None) -> list[BaseRoute]:
    """The routes of the page over `store`; endpoints that query run in the server's threads, not in its event loop."""
    panels = {panel.query: panel for panel in OVERVIEW.panels()}
    variables = {variable.name: variable for variable in OVERVIEW.variables}
    definition = describe(OVERVIEW, config or DashboardsConfig())

    def overview(request: Request) -> Response:
        return JSONResponse(definition)

    def panel(request: Request) -> Response:
        found = panels.get(request.path_params["panel"])
        if found is None:
            return _sentence(
                404, f"There is no panel {request.path_params['panel']!r}: /api/dashboards/overview lists them."
            )
        try:
            span = parse_span(request.query_params.multi_items())
        except SpanError as error:
            return _sentence(400, str(error))
        return JSONResponse({**answer(store, found.statement(), span), "step": span.step})

    def variable(request: Request) -> Response:
        found = variables.get(request.path_params["variable"])
        if found is None:
            return _sentence(404, f"There is no variable {request.path_params['variable']!r}.")
        return JSONResponse([row[0] for row in store.query(found.statement()).rows])

    middleware = [Middleware(SecurityHeaders)]
    return [
        Route("/", _index, middleware=middleware),
        Mount("/static", StaticFiles(directory=_STATIC), middleware=middleware),
        Route("/api/dashboards/overview", overview, middleware=middleware),
        Route("/api/panels/{panel}", _guarded(panel), middleware=middleware),
        Route("/api/variables/{variable}", _guarded(variable), middleware=middleware),
    ]


def describe(dashboard: Dashboard, config: DashboardsConfig) -> dict[str, Any]:
    """Everything that the page's script has to know: the definitions, the ranges, and the colours of states."""
    return {
        **asdict(dashboard),
        "states": STATES,
        "ranges": [{"name": name, "seconds": seconds} for name, seconds in RANGES.items()],
        "default_range": config.default_range,
        "refresh_seconds": config.refresh_seconds,
    }


def answer(store: Store, query: Query, span: Span) -> dict[str, Any]:
    """The query's result over `span`: `columns`, `types`, `rows` of JSON values, and `took_ms`.

    Raises QueryError, StoreUnavailable.
    """
    values: Mapping[str, Any] = {"from": span.start, "to": span.end, "step": span.step, "teams": span.teams}
    started = time.perf_counter()
    result: Result = store.query(query, {name: values[name] for name in query.parameters})
    return {
        "columns": result.columns,
        "types": result.types,
        "rows": [[_json(value) for value in row] for row in result.rows],
        "took_ms": round((time.perf_counter() - started) * 1000, 1),
    }


def _json(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.astimezone(timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def _index(request: Request) -> Response:
    return FileResponse(_STATIC / "index.html")


def _sentence(status: int, text: str) -> Response:
    return JSONResponse({"error": text}, status_code=status)


def _guarded(endpoint: Endpoint) -> Endpoint:
    """`endpoint`, whose trouble with the store becomes one sentence that says whether to try again."""

    def guarded(request: Request) -> Response:
        try:
            return endpoint(request)
        except QueryError:
            log.exception("the query of %s failed", request.url.path)
            return _sentence(500, "The query of this panel failed; the server's log says why.")
        except StoreError as error:
            log.warning("%s: %s", request.url.path, error)
            return _sentence(503, "The store does not answer; this panel tries again with the next refresh.")

    return guarded
