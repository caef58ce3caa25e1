"""One file, then the environment, which wins; and one sentence about whatever is wrong with them."""

from __future__ import annotations

from pathlib import Path

import pytest

from server.config import Config, ConfigError, load


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder that the program is started in."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def sentence(text: str = "") -> str:
    """What is said about a tokentide.toml with `text`."""
    Path("tokentide.toml").write_text(text, "utf-8")
    with pytest.raises(ConfigError) as raised:
        load()
    assert "\n" not in str(raised.value)
    return str(raised.value)


def test_without_a_file_everything_has_its_default():
    assert load().model_dump() == Config().model_dump()


def test_the_file_in_the_folder_is_read(folder: Path):
    (folder / "tokentide.toml").write_text("[server]\nport = 1234\n")
    assert load().server.port == 1234


def test_a_file_that_is_named_is_read_instead(folder: Path):
    (folder / "tokentide.toml").write_text("[server]\nport = 1234\n")
    (folder / "other.toml").write_text("[server]\nport = 4321\n")
    assert load(folder / "other.toml").server.port == 4321


def test_the_environment_wins_over_the_file_and_leaves_the_rest(folder: Path, monkeypatch: pytest.MonkeyPatch):
    (folder / "tokentide.toml").write_text('[server]\nport = 1234\nlog_level = "ERROR"\n')
    monkeypatch.setenv("TOKENTIDE_SERVER__PORT", "99")
    assert load().server.port == 99
    assert load().server.log_level == "ERROR"


def test_the_command_line_wins_over_both(folder: Path, monkeypatch: pytest.MonkeyPatch):
    (folder / "tokentide.toml").write_text("[server]\nport = 1234\n")
    monkeypatch.setenv("TOKENTIDE_SERVER__PORT", "99")
    assert load(server={"port": 0}).server.port == 0


def test_an_empty_variable_counts_as_not_set(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("TOKENTIDE_SERVER__PORT", "")
    assert load().server.port == 8321


def test_lists_are_json_in_the_environment(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("TOKENTIDE_COLLECTOR__SOURCES", '["kafka", "http"]')
    assert load().collector.sources == ("kafka", "http")


def test_settings_of_the_sdk_in_the_same_environment_are_left_alone(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("TOKENTIDE_TEAM", "search")
    assert load().model_dump() == Config().model_dump()


def test_the_dsn_may_stand_in_a_file(folder: Path, monkeypatch: pytest.MonkeyPatch):
    (folder / "dsn").write_text("https://me:secret@clickhouse:8443\n")
    monkeypatch.setenv("TOKENTIDE_STORE__DSN_FILE", str(folder / "dsn"))
    assert load().store.address() == "https://me:secret@clickhouse:8443"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[server]\nprot = 1", "there is no setting server.prot: did you mean port?"),
        ("[sever]\nport = 1", "there is no setting sever: did you mean server?"),
        ("[alerts.webhok]\nurls = []", "there is no setting alerts.webhok: did you mean webhook?"),
        (
            "[alerts.rules.ErrorRatioHigh]\nfire_abov = 1",
            "there is no setting alerts.rules.ErrorRatioHigh.fire_abov: did you mean fire_above?",
        ),
        ("[server]\nport = 70000", "setting server.port: Input should be less than or equal to 65535"),
        ('[collector]\nsources = ["kafa"]', "setting collector.sources.0: Input should be 'http' or 'kafka'"),
        (
            '[analyzers]\nenabled = ["costs"]',
            "setting analyzers.enabled: no analyzer costs: the analyzers are cost, latency, rate_limits, drift, budgets, "
            "spend, money",
        ),
        (
            '[budgets.search]\namount = -1\nperiod = "month"',
            "setting budgets.search.amount: Input should be greater than 0",
        ),
        (
            '[budgets.search]\namount = 1\nperiod = "year"',
            "setting budgets.search.period: Input should be 'day', 'week', 'month' or 'quarter'",
        ),
        (
            '[budgets.search]\namount = 1\nperiod = "month"\nteem = "search"',
            "there is no setting budgets.search.teem: did you mean team?",
        ),
        (
            '[budgets]\ntime_zone = "Europe/Berln"',
            "setting budgets.time_zone: there is no time zone Europe/Berln: name one as Europe/Berlin or UTC",
        ),
        ("[server]\nport = ", "tokentide.toml is not TOML: Invalid value (at end of document)"),
    ],
)
def test_a_wrong_file_is_one_sentence_with_what_would_be_right(text: str, expected: str):
    assert sentence(text) == expected


@pytest.mark.parametrize(
    ("variable", "value", "expected"),
    [
        ("TOKENTIDE_SERVER__PROT", "1", "there is no setting server.prot: did you mean port?"),
        ("TOKENTIDE_SERVR__PORT", "1", "TOKENTIDE_SERVR__PORT names no section: did you mean server?"),
        (
            "TOKENTIDE_SERVER__PORT",
            "many",
            "setting server.port: Input should be a valid integer, unable to parse string as an integer",
        ),
        (
            "TOKENTIDE_COLLECTOR__SOURCES",
            "kafka",
            'lists and tables are JSON in the environment, such as ["kafka"]: correct TOKENTIDE_COLLECTOR__SOURCES',
        ),
    ],
)
def test_a_wrong_variable_is_one_sentence(variable: str, value: str, expected: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv(variable, value)
    assert sentence() == expected


@pytest.mark.parametrize("value", ['["htp://hooks.example/TOKEN"]', "https://hooks.example/TOKEN", '["TOKEN"]'])
def test_a_secret_is_never_said(value: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("TOKENTIDE_ALERTS__WEBHOOK__URLS", value)
    assert 'TOKEN"' not in sentence()
    assert "hooks.example" not in sentence()


def test_a_file_that_is_not_there_is_said(folder: Path):
    with pytest.raises(
        ConfigError, match=r"there is no configuration file .*nowhere.toml: create it, or leave --config"
    ):
        load(folder / "nowhere.toml")
