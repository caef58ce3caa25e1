from __future__ import annotations

import hashlib
import re
from pathlib import Path

import pytest

import dashboards

STATIC = Path(dashboards.__file__).parent / "static"
OURS = [
    path for path in sorted(STATIC.iterdir()) if path.suffix in (".html", ".css", ".js") and "echarts" not in path.name
]


def test_the_vendored_library_is_the_one_that_is_named() -> None:
    named = dict(re.findall(r"\| `(\S+)` \|.*\| `([0-9a-f]{64})` \|", (STATIC / "VENDORED.md").read_text("utf-8")))
    assert named == {"echarts.min.js": hashlib.sha256((STATIC / "echarts.min.js").read_bytes()).hexdigest()}
    assert "Apache License" in (STATIC / "echarts.LICENSE").read_text("utf-8")
    assert "The Apache Software Foundation" in (STATIC / "echarts.NOTICE").read_text("utf-8")


def test_the_vendored_library_names_no_place_to_load_from() -> None:
    hosts = set(re.findall(r"https?://([\w.-]+)", (STATIC / "echarts.min.js").read_text("utf-8")))
    assert hosts == {"www.apache.org", "www.w3.org", "github.com"}


@pytest.mark.parametrize("path", OURS, ids=lambda path: path.name)
def test_our_files_name_no_address_and_need_no_inline_code(path: Path) -> None:
    text = path.read_text("utf-8")
    assert "://" not in text
    assert len(text.splitlines()) <= 300
    if path.suffix == ".html":
        assert not re.search(r"<style|\sstyle=|\son\w+=|<script(?![^>]*\bsrc=)", text)
