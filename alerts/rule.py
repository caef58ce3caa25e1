"""Rules: one YAML file says when a query's rows are an alert, how long they must be, and what to tell people.

The query is a .sql file beside the rule. It may use the parameters `from` and `to` (the rule's window), the parameters
that the rule declares, and the settings in `AlertsConfig.query_settings`. Its String columns are the labels of an
alert, but for the rule's `texts`; `value` and `samples` are required numbers, `limit` is an optional number that
replaces `fire_above` for its row. Annotations may name every column.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, time, timedelta, timezone
from difflib import get_close_matches
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import yaml
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, ValidationInfo, model_validator

from alerts.annotations import placeholders
from alerts.duration import Duration, parse_duration
from store.sql import Query, parse


class RuleError(Exception):
    """A rule cannot be used as it is written; the message names the place and what to write instead."""


def _find_query(value: Any, info: ValidationInfo) -> Any:
    if not isinstance(value, str):
        return value
    folder: Traversable = (info.context or {})["folder"]
    file = folder.joinpath(f"{value}.sql")
    if file.is_file():
        return parse(value, file.read_text("utf-8"))
    names = [entry.name.removesuffix(".sql") for entry in folder.iterdir() if entry.name.endswith(".sql")]
    raise ValueError(f"there is no {value}.sql beside the rule{_suggestion(value, names)}")


def _check_template(text: str) -> str:
    placeholders(text)
    return text


def _read_window(value: Any) -> Any:
    if value == "utc_day" or isinstance(value, timedelta):
        return value
    try:
        return parse_duration(str(value))
    except ValueError as error:
        raise ValueError(f"{value!r} is neither utc_day nor a duration such as 5m or 1h") from error


Window = Annotated[timedelta | Literal["utc_day"], BeforeValidator(_read_window)]
Template = Annotated[str, BeforeValidator(_check_template)]


class RuleNumbers(BaseModel):
    """The numbers of a rule that a configuration may replace; what is left out stays as the rule says."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    fire_above: float | None = Field(default=None, description="Fires while the value is above this.")
    clear_below: float | None = Field(
        default=None, description="Once firing, clears only when the value is below this."
    )
    window: Window | None = Field(default=None, description="How far back the query looks, or utc_day.")
    for_: Duration | None = Field(
        default=None, validation_alias="for", description="How long the condition must hold before it fires."
    )
    keep_firing_for: Duration | None = Field(
        default=None, description="How long it keeps firing after the condition ended."
    )
    min_samples: int | None = Field(default=None, ge=0, description="Rows with fewer samples are ignored.")
    max_alerts: int | None = Field(
        default=None, ge=1, description="More alerts than this at once are one failure of the rule."
    )


class Rule(BaseModel):
    """When the rows of a query are alerts. Thresholds are in the unit of the query's `value`.

    `texts` names its String columns that are told in annotations and are no labels, because they change while an alert
    stands.
    Without a row, or with fewer than `min_samples`, an alert ends (`on_missing: ok`) or stays as it is for an hour at
    most (`keep`). With `announce_resolved: false` nobody is told of its end.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    alert: str = Field(pattern=r"^[A-Z][A-Za-z0-9]*$")
    query: Annotated[Query, BeforeValidator(_find_query)]
    parameters: Mapping[str, str | float] = {}
    texts: tuple[str, ...] = ()
    fire_above: float | None = None
    clear_below: float | None = None
    window: Window = timedelta(minutes=5)
    for_: Duration = Field(default=timedelta(0), validation_alias="for")
    keep_firing_for: Duration = timedelta(0)
    min_samples: int = Field(default=0, ge=0)
    max_alerts: int = Field(default=100, ge=1)
    on_missing: Literal["ok", "keep"] = "ok"
    announce_resolved: bool = True
    labels: Mapping[Annotated[str, Field(pattern=r"^[a-zA-Z_][a-zA-Z0-9_]*$")], str] = {}
    annotations: Mapping[str, Template] = {}

    @model_validator(mode="after")
    def _sets_only_parameters_of_the_query(self) -> Self:
        for name in self.parameters.keys() - self.query.parameters.keys():
            raise ValueError(f"{self.query.name}.sql has no parameter {name}")
        return self

    @model_validator(mode="after")
    def _clears_below_where_it_fires(self) -> Self:
        if self.fire_above is not None and self.clear_below is not None and self.clear_below > self.fire_above:
            raise ValueError(f"clear_below ({self.clear_below:g}) is above fire_above ({self.fire_above:g})")
        return self

    def bounds(self, at: datetime) -> tuple[datetime, datetime]:
        """The half-open window [from, to) that an evaluation at `at` looks at."""
        if self.window == "utc_day":
            return datetime.combine(at.astimezone(timezone.utc).date(), time(), timezone.utc), at
        return at - self.window, at

    def with_numbers(self, numbers: RuleNumbers) -> Rule:
        """This rule with the numbers that are set in `numbers`. Raises RuleError when they contradict each other."""
        try:
            return Rule.model_validate(dict(self) | numbers.model_dump(exclude_unset=True))
        except ValidationError as error:
            raise RuleError(f"alerts.rules.{self.alert}: {_explain(error)}") from error


def load_rules(folders: list[Path], numbers: Mapping[str, RuleNumbers]) -> list[Rule]:
    """The shipped rules and those of `folders`, with the configured `numbers` (alert name → numbers) applied.

    Raises RuleError naming file, key and the nearest valid name.
    """
    files: dict[str, str] = {}
    rules: dict[str, Rule] = {}
    for folder in (resources.files("alerts.rules"), *folders):
        if not folder.is_dir():
            raise RuleError(f"{folder}: there is no such folder of alert rules")
        for file in sorted(folder.iterdir(), key=lambda entry: entry.name):
            if not file.name.endswith(".yaml"):
                continue
            rule = read_rule(file, folder)
            if rule.alert in rules:
                raise RuleError(f"{file}: the alert {rule.alert} is already defined in {files[rule.alert]}")
            rules[rule.alert], files[rule.alert] = rule, str(file)
    for name in numbers.keys() - rules.keys():
        raise RuleError(f"alerts.rules.{name}: there is no such alert{_suggestion(name, list(rules))}")
    return [rule.with_numbers(numbers[name]) if name in numbers else rule for name, rule in rules.items()]


def read_rule(file: Traversable, folder: Traversable) -> Rule:
    """The rule in `file`, its query taken from `folder`. Raises RuleError."""
    try:
        written = yaml.safe_load(file.read_text("utf-8"))
        return Rule.model_validate(written, context={"folder": folder})
    except yaml.YAMLError as error:
        raise RuleError(f"{file}: not readable as YAML: {error}") from error
    except ValidationError as error:
        raise RuleError(f"{file}: {_explain(error)}") from error


def _explain(error: ValidationError) -> str:
    return "; ".join(
        _explain_one(tuple(map(str, found["loc"])), found["type"], found["msg"]) for found in error.errors()
    )


def _explain_one(place: tuple[str, ...], kind: str, message: str) -> str:
    key = ".".join(place)
    if kind == "extra_forbidden":
        names = [str(field.validation_alias or name) for name, field in Rule.model_fields.items()]
        return f"unknown key {key}{_suggestion(key, names)}"
    if kind == "missing":
        return f"{key} is missing"
    return f"{key}: {message.removeprefix('Value error, ')}".removeprefix(": ")


def _suggestion(name: str, valid: list[str]) -> str:
    near = get_close_matches(name, valid, n=1)
    return f"; did you mean {near[0]}?" if near else f"; valid are {', '.join(sorted(valid))}"
