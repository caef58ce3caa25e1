"""Settings of the SDK. Arguments win over the environment variables `TOKENTIDE_<NAME>`, those win over the defaults."""

from __future__ import annotations

import contextlib
import difflib
import json
import logging
import os
import re
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Annotated, Any, Final, get_type_hints
from urllib.parse import urlsplit

from tokentide.content_policy import CONTENT_POLICIES, strictest
from tokentide.transports import TRANSPORTS

_PREFIX: Final = "TOKENTIDE_"
_MOST: Final = 2**53
_OF_KAFKA: Final = re.compile(r"security_protocol|(ssl|sasl)_\w+|(proxy|socks5)_\w+|client_dns_lookup")

_logger = logging.getLogger("tokentide")


class SettingsError(ValueError):
    """A setting is unknown or its value cannot be used; the message names it and what would be right."""


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError("must be a text")
    return value


def _one_of(*choices: str) -> Callable[[object], str]:
    def parse(value: object) -> str:
        if value not in choices:
            raise ValueError(f"must be {' or '.join(repr(choice) for choice in choices)}{_hint(str(value), choices)}")
        return str(value)

    return parse


def _at_least(minimum: int) -> Callable[[object], int]:
    def parse(value: object) -> int:
        try:
            number = int(value) if isinstance(value, (int, str)) else minimum - 1
        except ValueError:
            number = minimum - 1
        if not minimum <= number < _MOST or isinstance(value, bool):
            raise ValueError(f"must be a whole number, {minimum} or more")
        return number

    return parse


def _address(value: object) -> str:
    text = _text(value).rstrip("/")
    try:
        parts = urlsplit(text)
        is_address = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
        # What is not sent must not seem to be: `token` is there for a password.
        is_address &= not (parts.username or parts.password or parts.query or parts.fragment)
        is_address &= parts.path.isascii() and parts.path.isprintable() and " " not in parts.path
    except ValueError:
        is_address = False
    if not is_address:
        raise ValueError("must be an address like http://127.0.0.1:8321")
    return text


def _folder(value: object) -> Path:
    try:
        if isinstance(value, (str, os.PathLike)):
            return Path(value).expanduser()
    except RuntimeError:  # there is no such home
        pass
    raise ValueError("must be the path of a folder")


def _hosts(value: object) -> tuple[str, ...]:
    """Names of hosts, in small letters as in an address that was read; in the environment separated by commas."""
    names = value.split(",") if isinstance(value, str) else value
    if not isinstance(names, (list, tuple)) or not all(isinstance(name, str) for name in names):
        raise ValueError("must be names of hosts, separated by commas")
    # An address of IPv6 has more colons than one.
    if any("/" in name or "[" in name or name.count(":") == 1 for name in names):
        raise ValueError("must be names of hosts without scheme, port and path, such as api.example.com")
    return tuple(name.strip().lower() for name in names if name.strip())


def _secret(value: object) -> str:
    """Without the line break that ends a file of secrets."""
    text = value.strip() if isinstance(value, str) else "\n"
    if not text.isprintable():
        raise ValueError("must be a text without line breaks")
    return text


def _kafka_client(value: object) -> Mapping[str, Any]:
    """Settings of kafka-python by name, in the environment as JSON. What the transport itself sets is none of them."""
    with contextlib.suppress(ValueError):
        value = json.loads(value) if isinstance(value, str) else value
    if not isinstance(value, Mapping):
        raise ValueError('must be settings by name, in the environment as JSON: {"security_protocol": "SASL_SSL", …}')
    if wrong := [str(name) for name in value if not _OF_KAFKA.fullmatch(str(name))]:
        raise ValueError(f"must be about how to reach brokers (security_protocol, ssl_…, sasl_…), not {wrong[0]!r}")
    return dict(value)


def _function(value: object) -> Callable[[str], str] | None:
    if value is not None and not callable(value):
        raise ValueError("must be a function from text to text")
    return value


def _default_spool_dir() -> Path:
    """A folder that only this user's processes share; the temporary folder serves accounts that have no home."""
    with contextlib.suppress(RuntimeError):  # there is no home at all
        home = Path.home()
        if os.access(home, os.W_OK):
            return home / ".cache" / "tokentide" / "spool"
    user = os.getuid() if hasattr(os, "getuid") else os.environ.get("USERNAME", "user")
    try:
        shared = tempfile.gettempdir()
    except FileNotFoundError:  # nothing can be written anywhere, which the spool copes with
        shared = "/tmp"
    return Path(shared) / f"tokentide-spool-{user}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Every setting of the SDK with its parser, default and meaning; no other place names them. `load` makes one."""

    transport: Annotated[str, _one_of(*TRANSPORTS), f"How events leave the process: {', '.join(TRANSPORTS)}."] = "http"
    endpoint: Annotated[str, _address, "Address of the intake, for transport http."] = "http://127.0.0.1:8321"
    kafka_bootstrap: Annotated[str, _text, "Brokers as host:port, separated by commas."] = "127.0.0.1:9092"
    kafka_topic: Annotated[str, _text, "Topic that events are written to."] = "tokentide.calls"
    kafka_client: Annotated[
        Mapping[str, Any], _kafka_client, "Further settings of kafka-python: security_protocol, sasl_…, ssl_…."
    ] = field(default_factory=dict, repr=False)
    kafka_password_file: Annotated[str, _text, "File that holds kafka_client's sasl_plain_password."] = ""
    token: Annotated[str, _secret, "Bearer token for the intake; empty sends none."] = field(default="", repr=False)
    ca_file: Annotated[
        str, _text, "PEM file of the issuers to trust of an https endpoint; empty trusts those that Python does."
    ] = ""
    team: Annotated[str, _text, "Team that pays, where no context says another."] = ""
    app: Annotated[str, _text, "Name of this application."] = ""
    feature: Annotated[str, _text, "Feature, where no context says another."] = ""
    environment: Annotated[str, _text, "Deployment, for example production."] = ""
    content: Annotated[
        str, _one_of(*CONTENT_POLICIES), f"What is recorded of prompts and responses: {', '.join(CONTENT_POLICIES)}."
    ] = "masked"
    content_prompt: Annotated[str, _one_of("", *CONTENT_POLICIES), "The same for prompts; empty is as content."] = ""
    content_response: Annotated[str, _one_of("", *CONTENT_POLICIES), "The same for responses; empty is as content."] = (
        ""
    )
    content_max_chars: Annotated[int, _at_least(1), "Texts longer than this are cut."] = 20_000
    mask: Annotated[
        Callable[[str], str] | None, _function, "Function from text to text that masks more; an argument only."
    ] = None
    spool_dir: Annotated[Path, _folder, "Folder that keeps events while the far side is away."] = field(
        default_factory=_default_spool_dir
    )
    spool_max_bytes: Annotated[int, _at_least(0), "Most bytes that the events of one destination may take there."] = (
        256 * 1024 * 1024
    )
    spool_max_age_days: Annotated[int, _at_least(1), "Events that waited there for longer are dropped."] = 30
    queue_size: Annotated[int, _at_least(1), "Most calls that wait in memory."] = 20_000
    queue_max_bytes: Annotated[int, _at_least(1), "Most bytes, nearly, that they keep there."] = 128 * 1024 * 1024
    include_usage_hosts: Annotated[
        tuple[str, ...],
        _hosts,
        "Hosts, without ports, whose chat streams are asked for their usage where the app did not ask.",
    ] = ()
    user_key: Annotated[str, _secret, "Secret for hashing user names; empty records none."] = field(
        default="", repr=False
    )

    @property
    def captures(self) -> bool:
        """Whether texts are read at all."""
        return self.content_policies("") != ("off", "off")

    def content_policies(self, said: str) -> tuple[str, str]:
        """The policies of prompt and response where the contexts around the call have `said` one, perhaps."""
        prompt, response = self.content_prompt or self.content, self.content_response or self.content
        return strictest(prompt, said), strictest(response, said)


def load(environ: Mapping[str, str] | None = None, /, **overrides: object) -> Settings:
    """The settings that arguments and environment say. An empty environment variable counts as not set.

    Raises SettingsError for an unknown argument or one that cannot be used: the code that passes it is wrong. What is
    wrong in the environment is logged, and the default stays: a deployment must not stop an app because of us.
    """
    variables = os.environ if environ is None else environ
    known = {name: hint.__metadata__[0] for name, hint in get_type_hints(Settings, include_extras=True).items()}
    for name in overrides.keys() - known.keys():
        raise SettingsError(f"unknown setting {name!r}{_hint(name, known)}")
    _warn_of_mistyped(variables, known)
    values = {}
    for name, parse in known.items():
        variable = _PREFIX + name.upper()
        if name in overrides:
            values[name] = _parsed(name, parse, overrides[name])
        elif variables.get(variable):
            try:
                values[name] = _parsed(variable, parse, variables[variable])
            except SettingsError as error:
                _logger.error("%s; its default is used", error)
    return Settings(**values)


def set_in_environment(environ: Mapping[str, str] | None = None) -> dict[str, str]:
    """The settings that the environment says something about, rightly or not, with the variable that says it."""
    variables = os.environ if environ is None else environ
    names = {field.name: _PREFIX + field.name.upper() for field in fields(Settings)}
    return {name: variable for name, variable in names.items() if variables.get(variable)}


def _parsed(name: str, parse: Callable[[object], Any], value: object) -> Any:
    try:
        return parse(value)
    except ValueError as error:
        # Before the @ of an address there may be a password.
        shown = "" if parse in (_secret, _kafka_client) or "@" in str(value) else f", not {value!r}"
        raise SettingsError(f"{name} {error}{shown}") from error


def _hint(name: str, known: Mapping[str, object] | tuple[str, ...]) -> str:
    near = difflib.get_close_matches(name, list(known), n=1)
    return f" (did you mean {near[0]!r}?)" if near else ""


def _warn_of_mistyped(variables: Mapping[str, str], known: Mapping[str, object]) -> None:
    for variable in variables:
        name = variable.removeprefix(_PREFIX).lower()
        # Two underscores mark a setting of the server programs.
        if variable.startswith(_PREFIX) and name not in known and "__" not in name and _hint(name, known):
            _logger.warning("%s is not a setting%s", variable, _hint(name, known))
