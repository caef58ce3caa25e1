"""A new token is shown once, and what is printed for the settings lets its bearer in."""

from __future__ import annotations

import re
from pathlib import Path

import tomllib
from tokentide_process import tokentide

from collector.config import CollectorConfig
from collector.senders import find
from server.token_command import describe, new_token


def test_no_token_is_made_twice_and_none_can_be_guessed() -> None:
    made = {new_token() for _ in range(1000)}
    assert len(made) == 1000
    assert {len(token) for token in made} == {43}


def test_what_is_printed_for_the_settings_knows_the_token(tmp_path: Path) -> None:
    found = tokentide(tmp_path, "token")
    token = re.findall(r"^token: +(\S+)$", found.stdout, re.MULTILINE)[0]
    settings = tomllib.loads(found.stdout[found.stdout.index("[collector") :])
    config = CollectorConfig(tokens=settings["collector"]["tokens"])
    assert (found.returncode, found.stdout.count(token)) == (0, 1)
    assert find(config.tokens, f"Bearer {token}")
    assert not find(config.tokens, f"Bearer {token}x")


def test_the_hash_does_not_tell_the_token() -> None:
    assert "guess" in describe("guess").splitlines()[0]
    assert "guess" not in "".join(describe("guess").splitlines()[1:])


def test_a_file_of_tokens_that_is_wrong_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "tokens.toml").write_text("[a]\nsha256 = 1\n")
    found = tokentide(tmp_path, "up", "--port", "0", TOKENTIDE_COLLECTOR__TOKENS_FILE="tokens.toml")
    assert found.returncode == 1
    assert found.stderr.splitlines()[-1] == "tokentide: tokens.toml: a.sha256: Input should be a valid tuple"
