"""The configuration: one TOML file, then the environment (`TOKENTIDE_<SECTION>__<KEY>`), read here and nowhere else."""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, get_args, get_type_hints

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    SettingsError,
    TomlConfigSettingsSource,
)

from alerts.config import AlertsConfig
from analyzers.budget.config import BudgetsConfig
from analyzers.config import AnalyzersConfig
from collector.config import CollectorConfig
from collector.price_book.declared import PricesConfig
from dashboards.config import DashboardsConfig
from store.config import StoreConfig

PREFIX = "TOKENTIDE_"
DEFAULT_FILE = Path("tokentide.toml")


class ConfigError(Exception):
    """A setting is unknown or wrong; the message names it and says what is valid."""


class ServerConfig(BaseModel):
    """The HTTP side of a program, and its log."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    host: str = Field(default="127.0.0.1", description="Address to listen on; 0.0.0.0 for every interface.")
    port: int = Field(default=8321, ge=0, le=65535, description="Port to listen on; 0 takes a free one.")
    log_level: str = Field(
        default="INFO", pattern="^(DEBUG|INFO|WARNING|ERROR)$", description="DEBUG, INFO, WARNING, ERROR."
    )
    log_format: str = Field(
        default="text", pattern="^(text|json)$", description="text, or json: one object a line, each batch included."
    )
    admin_token: str = Field(
        default="", description="Bearer token for what changes or deletes stored data; without one, this machine only."
    )
    admin_token_file: Path | None = Field(default=None, description="File that holds the admin token.")
    read_token: str = Field(
        default="", repr=False, description="Password of the page, reports and metrics; without one, everyone reads."
    )
    read_token_file: Path | None = Field(default=None, description="File that holds the read token.")
    tls_certificate: Path | None = Field(
        default=None, description="PEM file with the certificate and what leads to its issuer; with it, only HTTPS."
    )
    tls_key: Path | None = Field(default=None, description="PEM file with the certificate's key, without a password.")

    @model_validator(mode="after")
    def _has_both_of_tls(self) -> ServerConfig:
        if (self.tls_certificate is None) != (self.tls_key is None):
            raise ValueError("tls_certificate and tls_key belong together: set both")
        return self

    def token(self) -> str:
        """The admin token, from the file when one is named. Raises ConfigError when that file cannot be read."""
        return _secret("server.admin_token_file", self.admin_token_file) or self.admin_token

    def reading_token(self) -> str:
        """The read token, in the same way."""
        return _secret("server.read_token_file", self.read_token_file) or self.read_token


def _secret(setting: str, file: Path | None) -> str:
    """What the file holds; empty without a file. An empty file is an error: it would let everyone in."""
    if file is None:
        return ""
    try:
        secret = file.read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{setting} {file} cannot be read, correct it ({error})") from error
    if not secret:
        raise ConfigError(f"{setting} {file} is empty: write a token into it, tokentide token makes one")
    return secret


class Config(BaseSettings):
    """Every setting of every program."""

    model_config = SettingsConfigDict(
        frozen=True, extra="forbid", env_prefix=PREFIX, env_nested_delimiter="__", env_ignore_empty=True
    )

    server: ServerConfig = ServerConfig()
    store: StoreConfig = StoreConfig()
    collector: CollectorConfig = CollectorConfig()
    prices: PricesConfig = PricesConfig()
    budgets: BudgetsConfig = BudgetsConfig()
    analyzers: AnalyzersConfig = AnalyzersConfig()
    alerts: AlertsConfig = AlertsConfig()
    dashboards: DashboardsConfig = DashboardsConfig()

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """What is given wins over the environment, and that over the file."""
        return init_settings, env_settings, TomlConfigSettingsSource(settings_cls)


def load(file: Path | None = None, server: Mapping[str, Any] | None = None) -> Config:
    """The configuration: `server` (of the command line) over the environment over the file (default: tokentide.toml).

    Raises ConfigError with one sentence for an unknown or a wrong setting.
    """
    if file is not None and not file.is_file():
        raise ConfigError(f"there is no configuration file {file}: create it, or leave --config away")
    _check_environment(os.environ)
    path = file or (DEFAULT_FILE if DEFAULT_FILE.is_file() else None)

    class FromFile(Config):
        model_config = SettingsConfigDict(toml_file=path)

    try:
        given: dict[str, Any] = {"server": dict(server)} if server else {}
        return FromFile(**given)
    except ValidationError as error:
        raise ConfigError(_sentence(error)) from error
    except SettingsError as error:
        raise ConfigError(_not_json(str(error), os.environ)) from error
    except ValueError as error:
        raise ConfigError(f"{path} is not TOML: {error}") from error


def state_folder() -> Path | None:
    """Where commands keep what they remember for this user: $XDG_STATE_HOME/tokentide; None without a home."""
    named = Path(os.environ.get("XDG_STATE_HOME", ""))
    folder = named if named.is_absolute() else Path(os.path.expanduser("~/.local/state"))
    return folder / "tokentide" if folder.is_absolute() else None


def _check_environment(environment: Mapping[str, str]) -> None:
    """An unknown section in the environment would be ignored without a word; here it is an error."""
    for name in environment:
        section, separator, _ = name.removeprefix(PREFIX).partition("__")
        if name.startswith(PREFIX) and separator and section.lower() not in Config.model_fields:
            raise ConfigError(f"{name} names no section{_nearest(section.lower(), Config.model_fields)}")


def _sentence(error: ValidationError) -> str:
    first = error.errors()[0]
    path = [str(part) for part in first["loc"]]
    if first["type"] == "extra_forbidden":
        return f"there is no setting {'.'.join(path)}{_nearest(path[-1], _siblings(path))}"
    # Without the value, which may be a password.
    return f"setting {'.'.join(path)}: {first['msg'].removeprefix('Value error, ')}"


def _not_json(message: str, environment: Mapping[str, str]) -> str:
    section = re.search(r'field "(\w+)"', message)
    start = PREFIX + (section[1].upper() if section else "")
    given = sorted(name for name in environment if name.startswith(start))
    return f'lists and tables are JSON in the environment, such as ["kafka"]: correct {" or ".join(given)}'


def _siblings(path: list[str]) -> Iterable[str]:
    kind: Any = Config
    for part in path[:-1]:
        fields = getattr(kind, "model_fields", {})
        kind = fields[part].annotation if part in fields else _named(kind)
    return list(getattr(kind, "model_fields", ()))


def _named(kind: Any) -> Any:
    """What the table holds that a name leads to which the user chose, such as that of a rule."""
    tables = get_type_hints(kind)["__pydantic_extra__"] if hasattr(kind, "model_fields") else kind
    return (None, *get_args(tables))[-1]


def _nearest(name: str, valid: Iterable[str]) -> str:
    names = list(valid)
    close = difflib.get_close_matches(name, names, n=1, cutoff=0.5)
    return f": did you mean {close[0]}?" if close else f"; there are {', '.join(names)}"
