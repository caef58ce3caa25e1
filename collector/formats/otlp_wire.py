"""What it would cost to read a request of OTLP in protobuf, counted on its bytes before anything is made of them."""

from __future__ import annotations

from typing import Any, Final

from collector.formats.format import Unreadable

# By tag: how many bytes of the body pay for a message of this kind, and the messages in it.
_Kinds = dict[int, tuple[int, Any]]

# A span alone in its resource and scope, with ids and times only, is three messages in 52 bytes; a pair of an attribute
# and its value is two in 9, a value in a list is one in 4. More of them in a body are empty, and reading them takes up
# to a hundred times as much as their bytes.
_SPAN_BYTES: Final = 16
_VALUE_BYTES: Final = 4
_FEW: Final = 1_000 * _SPAN_BYTES
# The attributes of fewer bytes do no harm, and counting takes up to a seventh of the time that reading them does.
_LARGE: Final = 4 * 2**20
# Deeper ones are refused by who reads them.
_DEEPEST: Final = 128

_VARINT, _FIXED_64, _BYTES, _GROUP, _GROUP_END, _FIXED_32 = range(6)


def _tag(number: int) -> int:
    return number << 3 | _BYTES


_VALUE: Final[_Kinds] = {}
_PAIR: Final[_Kinds] = {_tag(2): (_VALUE_BYTES, _VALUE)}
_VALUE[_tag(5)] = _VALUE_BYTES, {_tag(1): (_VALUE_BYTES, _VALUE)}
_VALUE[_tag(6)] = _VALUE_BYTES, {_tag(1): (_VALUE_BYTES, _PAIR)}
_EVENT: Final[_Kinds] = {_tag(3): (_VALUE_BYTES, _PAIR)}
_LINK: Final[_Kinds] = {_tag(4): (_VALUE_BYTES, _PAIR)}
_SPAN: Final[_Kinds] = {
    _tag(9): (_VALUE_BYTES, _PAIR),
    _tag(11): (_SPAN_BYTES, _EVENT),
    _tag(13): (_SPAN_BYTES, _LINK),
}
_ENTITY: Final[_Kinds] = {_tag(3): (_VALUE_BYTES, {}), _tag(4): (_VALUE_BYTES, {})}
_RESOURCE: Final[_Kinds] = {_tag(1): (_VALUE_BYTES, _PAIR), _tag(3): (_SPAN_BYTES, _ENTITY)}
_SCOPE: Final[_Kinds] = {_tag(3): (_VALUE_BYTES, _PAIR)}


def _request(resource: _Kinds, scope: _Kinds, span: _Kinds) -> _Kinds:
    in_scope = {_tag(1): (0, scope), _tag(2): (_SPAN_BYTES, span)}
    return {_tag(1): (_SPAN_BYTES, {_tag(1): (0, resource), _tag(2): (_SPAN_BYTES, in_scope)})}


_SPANS: Final = _request({}, {}, {})
_SPANS_AND_ATTRIBUTES: Final = _request(_RESOURCE, _SCOPE, _SPAN)


def check_cost(body: bytes) -> None:
    """Raises Unreadable for a body that would take many times its size in memory, and for one that is no protobuf."""
    try:
        left = _left(body, _SPANS_AND_ATTRIBUTES if len(body) > _LARGE else _SPANS)
    except IndexError as error:
        raise _broken() from error
    if left < 0:
        raise Unreadable(
            "the body has more spans or attributes than it has bytes for: leave out the empty ones, "
            "or send fewer spans at once"
        )


def _left(body: bytes, kinds: _Kinds) -> int:
    """How many bytes are left to pay for more messages; less than 0 as soon as there are too many.

    It goes over every attribute of a large body, so it calls nothing for what is usual.
    """
    left = _FEW + len(body)
    at, end = 0, len(body)
    outer: list[tuple[int, _Kinds]] = []
    while left >= 0:
        if at >= end:
            if at > end:
                raise _broken()
            if not outer:
                break
            end, kinds = outer.pop()
            continue
        tag = body[at]
        at += 1
        if tag > 127:
            tag, at = _varint(body, at - 1)
        if tag & 7 != _BYTES:
            at = _after(body, at, tag & 7)
            continue
        size = body[at]
        at += 1
        if size > 127:
            size, at = _varint(body, at - 1)
        if tag not in kinds:
            at += size
            continue
        price, inner = kinds[tag]
        left -= price
        if not inner:
            at += size
        elif at + size > end or len(outer) > _DEEPEST:
            raise _broken()
        else:
            outer.append((end, kinds))
            end, kinds = at + size, inner
    return left


def _after(body: bytes, at: int, kind: int) -> int:
    """Where a field that is no message ends; a group is left open, for what is in it is read as well."""
    if kind == _VARINT:
        return _varint(body, at)[1]
    if kind in (_GROUP, _GROUP_END):
        return at
    if kind not in (_FIXED_64, _FIXED_32):
        raise _broken()
    return at + (8 if kind == _FIXED_64 else 4)


def _varint(body: bytes, at: int) -> tuple[int, int]:
    """The number that begins there, and where it ends."""
    number = shift = 0
    while (byte := body[at]) > 127:
        number |= (byte & 127) << shift
        at, shift = at + 1, shift + 7
        if shift > 63:
            raise _broken()
    return number | byte << shift, at + 1


def _broken() -> Unreadable:
    return Unreadable("the body is no ExportTraceServiceRequest in protobuf")
