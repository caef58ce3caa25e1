"""Whether what looks like a card, an address or a secret is one. Each check returns the span that is meant, or None."""

from __future__ import annotations

import re
from ipaddress import AddressValueError, IPv4Address, IPv6Address
from typing import Final, TypeAlias

Span: TypeAlias = "tuple[int, int] | None"

_LOCAL_PART: Final = re.compile(r"[\w.+%'-]{1,64}\Z")
_LOCAL_CHARS: Final = 64  # RFC 5321
# What stands in the place of a secret in code, and what is said about one.
_PLACEHOLDERS: Final = frozenset(
    (
        *("any", "bool", "bytes", "false", "int", "none", "null", "optional"),
        *("required", "str", "string", "true", "undefined"),
        *("argument", "flag", "incorrect", "invalid", "missing", "must"),
        *("option", "options", "should", "value", "wrong"),
    )
)
# A variable, a template, stars or what is masked already: $DB_PASSWORD, {{password}}, $(cat file), <your-password>.
_REFERENCE: Final = re.compile(r"\$[A-Z][A-Z0-9_]*|\$?[{(<[]{1,2}[A-Za-z_./ -]{1,100}[])}>]{1,2}|\W+")
_NAME: Final = re.compile(r"[\w.]+")
# A number of tokens or their price. Six digits may be a code that somebody was sent.
_AMOUNT_OF_TOKENS: Final = re.compile(r"[$€£]?[0-9]{1,5}(?:\.[0-9]+)?(?:e-?[0-9]+)?", re.IGNORECASE)
# Chrome/120.0.0.0, Oracle 19.3.0.0, PCI DSS 8.3.10.1. In lower case a name and a slash may be those of a host.
_VERSION_BEFORE: Final = re.compile(
    r"(?:version|release|build|firmware|\bv|oracle|\bdss|section|chapter|clause|article|requirement)\W{0,3}$"
    r"|(?<![\w./:-])(?-i:[A-Z][A-Za-z]*|nginx|openresty)/$",
    re.IGNORECASE,
)
_BEFORE_CHARS: Final = 24
_DATE: Final = re.compile(r"\d{4}[-/.]\d{1,2}[-/.]\d{1,2}|\d{1,2}([-/.])\d{1,2}\1\d{2,4}(?![-/.]?\d)")
_DAY: Final = re.compile(r"(?<!\d)(?:19|20)\d\d-[01]\d-[0-3]\d(?!\d)")
# +12.345.678,90 or +10.000.000 EUR
_MONEY: Final = re.compile(r"\+[0-9]{1,3}(?:\.[0-9]{3}){2,}(?:,[0-9]{1,2}(?![0-9])|\s?(?:EUR|USD|GBP|CHF|[€$£]))")
_NUMBER_OF_BEFORE: Final = re.compile(r"\b(?:ref|reference|account|order|invoice)\W{0,3}$", re.IGNORECASE)
_DIGEST_CHARS: Final = 8
_UUID: Final = re.compile(r"(?<![^\W_])[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}(?![^\W_])", re.IGNORECASE | re.ASCII)
_UUID_CHARS: Final = 36
_CARD_BRANDS: Final = (
    (re.compile("4"), (13, 16, 19)),  # Visa
    (re.compile("5[1-5]|222[1-9]|22[3-9]|2[3-6]|27[01]|2720"), (16,)),  # Mastercard
    (re.compile("3[47]"), (15,)),  # American Express
    (re.compile("30[0-5]|3[689]"), (14, 16, 19)),  # Diners Club
    (re.compile("6011|64[4-9]|65|62|81|352[89]|35[3-8]"), (16, 17, 18, 19)),  # Discover, UnionPay, JCB
    (re.compile("5018|50[23]0|5038|5[68]|6304|6390|67"), (13, 14, 15, 16, 17, 18, 19)),  # Maestro
)
_DOUBLED: Final = str.maketrans("0123456789", "0246813579")
# From the register of ISO 13616.
_IBAN_COUNTRIES: Final = {
    15: "NO", 16: "BE", 18: "DK FI FK FO GL NL SD", 19: "MK SI", 20: "AT BA EE KZ LT LU MN XK", 21: "CH HR LI LV",
    22: "BG BH CR DE GB GE IE ME RS", 23: "AE GI IL IQ OM SO TL", 24: "AD CZ DZ ES MD PK RO SA SE SK TN VG",
    25: "LY PT ST", 26: "IS TR", 27: "BI DJ FR GR IT MC MR SM", 28: "AL AZ BY CY DO GT HN HU LB NI PL SV",
    29: "BR EG PS QA UA", 30: "JO KW MU YE", 31: "MT SC", 32: "LC", 33: "RU",
}  # fmt: skip
_IBAN_LENGTHS: Final = {country: length for length, some in _IBAN_COUNTRIES.items() for country in some.split()}


def whole(match: re.Match[str]) -> Span:
    """No more than its form is needed: group 1 of the match, where it has one."""
    return match.span(match.lastindex or 0)


def email(match: re.Match[str]) -> Span:
    """From the part before the @, which is as long as it may be; none without one."""
    local = _LOCAL_PART.search(match.string, max(0, match.start() - _LOCAL_CHARS), match.start())
    return None if local is None else (local.start(), match.end())


def card(match: re.Match[str]) -> Span:
    """A payment card (ISO/IEC 7812-1): brand, length and Luhn's check digit; not a part of a UUID or a digest."""
    found = match[0]
    end = next((end for end in _ends(found) if _is_card_number(_digits(found[:end]))), 0)
    if end == 0 or _is_in_digest(match):
        return None
    return _unless_in_uuid(match.string, match.start(), match.start() + end)


def iban(match: re.Match[str]) -> Span:
    """An account number (ISO 13616), matched from its check digits on: the length of its country, and mod 97."""
    text, start = match.string, match.start() - 2
    found = text[start : match.end()].upper()
    length = _IBAN_LENGTHS.get(found[:2], 0)
    places = [place for place, character in enumerate(found) if character.isalnum()]
    if not 0 < length <= len(places):
        return None
    end = places[length - 1] + 1
    account = _alphanumeric(found[4:end]) + found[:4]
    is_account = int("".join(str(int(character, 36)) for character in account)) % 97 == 1
    if not is_account or text[start + end : start + end + 1].isalnum():
        return None
    return _unless_in_uuid(text, start, start + end)


def ipv4(match: re.Match[str]) -> Span:
    """Not the loopback, which says nothing of anybody, and not a version."""
    try:
        address = IPv4Address(match[0])
    except AddressValueError:
        return None
    is_version = _VERSION_BEFORE.search(_before(match.string, match.start()))
    return None if is_version or address.is_loopback or address.is_unspecified else match.span()


def ipv6(match: re.Match[str]) -> Span:
    """A global, private or link-local address, without the punctuation that follows it."""
    address = match[0].rstrip(".:")
    try:
        IPv6Address(address)
    except AddressValueError:
        return None
    return match.start(), match.start() + len(address)


def phone(match: re.Match[str]) -> Span:
    """7 to 15 digits (ITU-T E.164), no fewer than 8 where no word says that it is a phone; not a date or money."""
    number = match.lastindex or 0
    found, start = match[number], match.start(number)
    fewest = 7 if number else 11 if found.startswith("00") else 8
    is_other = not number and _NUMBER_OF_BEFORE.search(_before(match.string, start))
    if is_other or _DATE.match(found) or _MONEY.match(match.string, start):
        return None
    found = _DAY.split(found)[0]
    ends = (end for end in _ends(found) if fewest <= len(_digits(found[:end])) <= 15)
    return next((_unless_in_uuid(match.string, start, start + end) for end in ends), None)


def key(match: re.Match[str]) -> Span:
    """Not a name with dashes: some part of a key has digits among its letters, or capitals."""
    parts = re.findall(r"[A-Za-z0-9]{10,}", match[0])
    is_key = any(not _is_word(part) and not part.isdigit() for part in parts)
    return match.span() if is_key else None


def secret(match: re.Match[str]) -> Span:
    """The last group: not a placeholder or a variable, nor a call or a look-up in code, nor what is masked already."""
    group = match.lastindex or 0
    value, (start, end) = match[group], match.span(group)
    reference = _REFERENCE.match(match.string, start)
    is_reference = reference is not None and reference.end() >= end
    is_code = match.string[end : end + 1] in ("(", "[") and _NAME.fullmatch(value)
    is_placeholder = value.rstrip(".!?").lower() in _PLACEHOLDERS
    return None if is_reference or is_code or is_placeholder else (start, end)


def token(match: re.Match[str]) -> Span:
    """As `secret`, and not a word, a name made of words or an amount of tokens."""
    value = match[match.lastindex or 0].rstrip(".")
    is_other = _is_word(re.sub(r"[._-]", "", value)) or _AMOUNT_OF_TOKENS.fullmatch(value)
    return None if is_other else secret(match)


def _is_word(characters: str) -> bool:
    return characters.isalpha() and (characters[1:].islower() or characters.isupper())


def _before(text: str, place: int) -> str:
    return text[max(0, place - _BEFORE_CHARS) : place]


def _digits(characters: str) -> str:
    return re.sub("[^0-9]", "", characters)


def _alphanumeric(characters: str) -> str:
    return "".join(filter(str.isalnum, characters))


def _ends(found: str) -> list[int]:
    """Where its groups of digits end, the last one first."""
    return [group.end() for group in re.finditer("[0-9]+", found)][::-1]


def _is_card_number(digits: str) -> bool:
    if not any(len(digits) in lengths and brand.match(digits) for brand, lengths in _CARD_BRANDS):
        return False
    return (sum(map(int, digits[-1::-2])) + sum(map(int, digits[-2::-2].translate(_DOUBLED)))) % 10 == 0


def _is_in_digest(match: re.Match[str]) -> bool:
    start, end = match.span()
    before = re.split("[^0-9A-Za-z]", match.string[max(0, start - 64) : start])[-1]
    after = re.split("[^0-9A-Za-z]", match.string[end : end + 64])[0]
    return len(before + after) >= _DIGEST_CHARS and re.fullmatch("[0-9A-Fa-f]+", before + after) is not None


def _unless_in_uuid(text: str, start: int, end: int) -> Span:
    around = _UUID.finditer(text, max(0, end - _UUID_CHARS), start + _UUID_CHARS)
    is_in_one = any(found.start() <= start and end <= found.end() for found in around)
    return None if is_in_one else (start, end)
