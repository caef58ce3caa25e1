from __future__ import annotations

import logging
import os
import tempfile
from pathlib import Path

import pytest
from tokentide.config import Settings, SettingsError, load
from tokentide.transports import TRANSPORTS


def test_arguments_win_over_the_environment_and_that_over_the_defaults() -> None:
    settings = load({"TOKENTIDE_TEAM": "search", "TOKENTIDE_APP": "shop"}, team="finance")
    assert (settings.team, settings.app, settings.transport) == ("finance", "shop", "http")


def test_values_from_the_environment_get_their_types() -> None:
    settings = load({"TOKENTIDE_QUEUE_SIZE": "50", "TOKENTIDE_SPOOL_DIR": "/var/spool/x", "TOKENTIDE_TOKEN": ""})
    assert (settings.queue_size, settings.spool_dir, settings.token) == (50, Path("/var/spool/x"), "")


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("tem", "x", r"unknown setting 'tem' \(did you mean 'team'\?\)"),
        ("zzz", "x", r"^unknown setting 'zzz'$"),
        (
            "transport",
            "kafak",
            r"transport must be 'http' or 'kafka' or 'memory' \(did you mean 'kafka'\?\), not 'kafak'",
        ),
        ("endpoint", "127.0.0.1:8321", "endpoint must be an address like http://127.0.0.1:8321, not '127.0.0.1:8321'"),
        ("endpoint", "http://127.0.0.1:83210", "endpoint must be an address like"),
        ("endpoint", "http://[::1", "endpoint must be an address like"),
        ("content", "mask", r"content must be 'off' or .* \(did you mean 'masked'\?\), not 'mask'"),
        ("content_prompt", "none", "content_prompt must be '' or 'off' or 'hash' or 'masked' or 'full', not 'none'"),
        ("mask", "hide", "mask must be a function from text to text, not 'hide'"),
        ("queue_size", 0, "queue_size must be a whole number, 1 or more, not 0"),
        ("queue_size", 2.5, "queue_size must be a whole number"),
        ("queue_size", True, "queue_size must be a whole number"),
        ("kafka_client", "SASL_SSL", r"^kafka_client must be settings by name, in the environment as JSON: .*…}$"),
        ("kafka_client", {"acks": 0}, r"must be about how to reach brokers \(.*\), not 'acks'$"),
        ("spool_dir", 3, "spool_dir must be the path of a folder"),
        ("include_usage_hosts", "a, b:80", "must be names of hosts without .* port .*, such as .*, not 'a, b:80'"),
        ("include_usage_hosts", ["http://b"], "must be names of hosts without scheme"),
        ("include_usage_hosts", ["[::1]"], "must be names of hosts without scheme"),
        ("team", None, "team must be a text, not None"),
    ],
)
def test_a_wrong_argument_is_one_clear_error(name: str, value: object, message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        load({}, **{name: value})


def test_names_of_hosts_are_compared_in_small_letters() -> None:
    settings = load({"TOKENTIDE_INCLUDE_USAGE_HOSTS": "API.Example.com, ::1,"})
    assert settings.include_usage_hosts == ("api.example.com", "::1")


def test_a_wrong_value_in_the_environment_is_logged_and_the_default_stays(caplog: pytest.LogCaptureFixture) -> None:
    settings = load({"TOKENTIDE_QUEUE_SIZE": "many", "TOKENTIDE_TRANSPORT": "kafak", "TOKENTIDE_TEAM": "search"})
    assert (settings.queue_size, settings.transport, settings.team) == (20_000, "http", "search")
    assert [record.getMessage() for record in caplog.records] == [
        "TOKENTIDE_TRANSPORT must be 'http' or 'kafka' or 'memory' (did you mean 'kafka'?), not 'kafak'; "
        "its default is used",
        "TOKENTIDE_QUEUE_SIZE must be a whole number, 1 or more, not 'many'; its default is used",
    ]


def test_a_secret_that_cannot_be_used_is_not_shown(caplog: pytest.LogCaptureFixture) -> None:
    assert load({"TOKENTIDE_TOKEN": "hunter2\n"}).token == "hunter2"
    with pytest.raises(SettingsError, match=r"^token must be a text without line breaks$"):
        load({}, token="hunter2\nhunter3")
    assert load({"TOKENTIDE_TOKEN": "hunter2\nhunter3"}).token == ""
    assert load({"TOKENTIDE_KAFKA_CLIENT": '{"sasl_plain_password": "hunter2", "asks": 1}'}).kafka_client == {}
    assert load({"TOKENTIDE_KAFKA_CLIENT": '{"sasl_plain_password": "hunter2"'}).kafka_client == {}
    assert "hunter" not in caplog.text + repr(load({}, kafka_client={"sasl_plain_password": "hunter2"}))


def test_an_account_without_a_home_uses_the_temporary_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a container that runs under a user id of its own."""

    def nobody() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(Path, "home", nobody)
    assert load({}).spool_dir == Path(tempfile.gettempdir()) / f"tokentide-spool-{os.getuid()}"
    monkeypatch.delenv("HOME", raising=False)
    with pytest.raises(SettingsError, match="spool_dir must be the path of a folder"):
        load({}, spool_dir="~nobody-of-this-name/spool")


def test_a_mistyped_variable_is_only_warned_about(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, "tokentide"):
        load(
            {"TOKENTIDE_TEEM": "x", "TOKENTIDE_COLLECTOR__ENDPOINT": "x", "TOKENTIDE_HOME_PAGE_TITLE": "x", "TEEM": "x"}
        )
    assert [record.getMessage() for record in caplog.records] == [
        "TOKENTIDE_TEEM is not a setting (did you mean 'team'?)"
    ]


def test_a_slash_at_the_end_of_the_endpoint_does_not_matter() -> None:
    assert load({}, endpoint="https://tide.example/").endpoint == "https://tide.example"


def test_secrets_are_not_shown() -> None:
    assert "hunter2" not in repr(load({}, token="hunter2", user_key="hunter2"))


def test_every_transport_that_can_be_set_exists() -> None:
    assert all(load({}, transport=name).transport == name for name in TRANSPORTS)
    assert Settings().transport in TRANSPORTS


@pytest.mark.parametrize(
    ("given", "said", "policies"),
    [
        ({}, "", ("masked", "masked")),
        ({}, "full", ("masked", "masked")),
        ({"content": "full"}, "hash", ("hash", "hash")),
        ({"content": "full", "content_prompt": "off"}, "", ("off", "full")),
        ({"content": "off", "content_response": "full"}, "masked", ("off", "masked")),
        ({"content_prompt": "full", "content_response": "hash"}, "off", ("off", "off")),
    ],
)
def test_a_context_can_only_narrow_what_the_settings_allow(
    given: dict[str, str], said: str, policies: tuple[str, str]
) -> None:
    assert load({}, **given).content_policies(said) == policies


def test_texts_are_read_unless_both_policies_are_off() -> None:
    assert load({}).captures
    assert load({}, content="off", content_response="hash").captures
    assert not load({}, content="off").captures
    assert not load({}, content_prompt="off", content_response="off").captures


def test_a_mask_cannot_come_from_the_environment(caplog: pytest.LogCaptureFixture) -> None:
    assert load({"TOKENTIDE_MASK": "hide"}).mask is None
    assert "TOKENTIDE_MASK must be a function" in caplog.text


@pytest.mark.parametrize(
    "endpoint",
    [
        "http://ann:s3cr3t,pass@host",
        "http://host/a b",
        "http://host/ü",
        "http://host?tenant=1",
        "http://host#part",
    ],
)
def test_an_address_that_could_never_work_is_refused_without_telling_a_password(endpoint: str) -> None:
    with pytest.raises(SettingsError) as raised:
        load({}, endpoint=endpoint)
    assert "s3cr3t" not in str(raised.value)


def test_a_number_that_is_too_large_in_the_environment_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    assert load({"TOKENTIDE_QUEUE_SIZE": "9" * 25}).queue_size == 20_000
    assert "TOKENTIDE_QUEUE_SIZE" in caplog.text
