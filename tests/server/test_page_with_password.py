"""The page in a real browser that is asked for the read token."""

from __future__ import annotations

from pathlib import Path

from conftest import needs
from playwright.sync_api import expect, sync_playwright
from tokentide_process import running_up

FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"]


def test_the_page_its_scripts_and_its_questions_come_through_with_the_password(tmp_path: Path) -> None:
    program = needs("/usr/bin/chromium", "chromium")
    with running_up(tmp_path, TOKENTIDE_SERVER__READ_TOKEN="of the reader") as up, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=FLAGS)
        statuses = {}
        for password in ("wrong", "of the reader"):
            context = browser.new_context(http_credentials={"username": "anyone", "password": password})
            page = context.new_page()
            page.on("response", lambda answer: statuses.setdefault(password, []).append(answer.status))  # noqa: B023
            page.goto(up.address)
            if password == "of the reader":
                expect(page.locator("#updated")).to_contain_text("Updated")
            context.close()
        browser.close()
    assert set(statuses["wrong"]) == {401}
    assert set(statuses["of the reader"]) == {200}
    assert len(statuses["of the reader"]) > 10
