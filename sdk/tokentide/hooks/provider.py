"""What a provider's file supplies: pure readers of that provider's documents, events and headers. They never raise.

A document is a JSON object of any shape. A stream is folded into the document that the plain call would have got, so
that there is one reader for both.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any, Final, NamedTuple

Document = Mapping[str, Any]
Headers = Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What an answer says. `tokens` are inclusive counts under the names of the event's fields, {} if none came.

    `reported_cost` is in US dollars, where the answer itself says what it cost. `region` counts where the host's name
    and the headers say none.
    """

    response_id: str = ""
    model: str = ""
    finish_reason: str = ""
    service_tier: str = ""
    text: str = ""
    usage: Document | None = None
    tokens: Mapping[str, int] = field(default_factory=dict)
    reported_cost: Decimal | None = None
    region: str = ""


_NO_LIMITS: Final[Mapping[str, int]] = {}


class Failure(NamedTuple):
    """The provider's own error code, and the event's status where that code says more than the HTTP status.

    `retry_after_ms` is what the error itself asks to wait, where no header does; `limits` are those that it names, as
    the event's fields.
    """

    code: str = ""
    status: str = ""
    retry_after_ms: float | None = None
    limits: Mapping[str, int] = _NO_LIMITS


def _no_model(path: str) -> str:
    return ""


def _as_they_are(request: Document) -> Document:
    return request


def _no_stream(events: Iterable[Document]) -> Document:
    return {}


def _never(event: Document) -> bool:
    return False


def _always(request: Any) -> bool:
    return True


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """One endpoint. `path` ends the URL's path; `plain_path` does so when no client library frames the request and its
    host is none of the provider's.

    `is_ours` looks at the headers and the address of such a request where its path is not only this provider's.
    `model_in_path` finds the model in a path that names it; it is empty when the body says it. `parameters` finds
    a request's parameters under OpenAI's names, where it has others; what a loop found is left as it is. What never
    streams needs no `fold`, `has_content` and `is_end`.
    """

    path: str
    plain_path: str
    is_ours: Callable[[Any], bool] = _always
    operation: str
    prompt: Callable[[Document], str]
    answer: Callable[[Document], Answer]
    fold: Callable[[Iterable[Document]], Document] = _no_stream
    has_content: Callable[[Document], bool] = _never
    is_end: Callable[[Document], bool] = _never
    model_in_path: Callable[[str], str] = _no_model
    parameters: Callable[[Document], Document] = _as_they_are


def _nothing_asked(arguments: tuple[Any, ...]) -> Document | None:
    return {}


class Loop(NamedTuple):
    """The method of a client library that owns its retries: what is sent inside one call of it is one operation.

    `asked` finds the request's JSON among the arguments, `self` first and named ones last; {} leaves it to the HTTP
    request, None says that this is no call of a model.
    A call inside a call of the same client is the same operation: some methods try again by calling themselves.
    """

    module: str
    owner: str
    method: str
    asked: Callable[[tuple[Any, ...]], Document | None] = _nothing_asked


def _no_region(host: str, headers: Headers) -> str:
    return ""


def _no_cost(headers: Headers) -> Decimal | None:
    return None


def _nothing_said(headers: Headers) -> Document:
    return {}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Provider:
    """One provider. `loops` are those of its client library; `hosts` maps the end of a host name to the provider it is,
    in which `*` stands for anything.

    Where several providers have an endpoint at the same path, the client library decides, then the host; of one
    provider's endpoints the first that fits. `other_request_id_headers` count where `request_id_header` is not sent.
    `region` and `reported_cost`, in US dollars, come from the headers where the document does not say them.
    `in_headers` is what the headers say in the place of the document, under the keys that the readers look for.
    """

    name: str
    loops: tuple[Loop, ...] = ()
    hosts: Mapping[str, str]
    request_id_header: str
    other_request_id_headers: tuple[str, ...] = ()
    endpoints: tuple[Endpoint, ...]
    failure: Callable[[Document], Failure]
    limits: Callable[[Headers, datetime], Mapping[str, int | float]]
    region: Callable[[str, Headers], str] = _no_region
    reported_cost: Callable[[Headers], Decimal | None] = _no_cost
    in_headers: Callable[[Headers], Document] = _nothing_said


class Route(NamedTuple):
    """Where a request goes."""

    provider: Provider
    endpoint: Endpoint
