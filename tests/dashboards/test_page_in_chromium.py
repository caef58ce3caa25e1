"""The page in a real browser, over a real server and a real store."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from conftest import needs
from overview_seed import EXPECTED, seed
from playwright.sync_api import Browser, ConsoleMessage, Page, Response, Route, expect, sync_playwright
from starlette.applications import Starlette

from dashboards.overview import OVERVIEW
from dashboards.page import answer, routes
from dashboards.span import parse_span
from store.connection import Store, open_store
from store.migrate import migrate

FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
DESKTOP: dict[str, Any] = {"viewport": {"width": 1440, "height": 900}}
PHONE: dict[str, Any] = {
    "viewport": {"width": 390, "height": 844},
    "device_scale_factor": 2,
    "is_mobile": True,
    "has_touch": True,
}


COLOURED_POINTS = """canvas => {
    const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, Math.floor(canvas.height * 0.8));
    let found = 0;
    for (let at = 0; at < data.length; at += 4) {
        const [low, high] = [Math.min(...data.slice(at, at + 3)), Math.max(...data.slice(at, at + 3))];
        if (data[at + 3] > 0 && high - low > 60) found += 1;
    }
    return found;
}"""
"""How many points of a chart, its legend left out, have a colour that is not a grey."""


@dataclass
class Visit:
    """A page that was opened, everything that it complained about, and every address that it asked for."""

    page: Page
    complaints: list[str] = field(default_factory=list)
    addresses: list[str] = field(default_factory=list)
    answers: dict[str, dict[str, Any]] = field(default_factory=dict)

    def note(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.complaints.append(message.text)

    def keep(self, response: Response) -> None:
        if "/api/panels/" in response.url and response.ok:
            self.answers[response.url] = response.json()


@pytest.fixture(scope="module")
def store(engine_dsn: str) -> Iterator[Store]:
    store = open_store(engine_dsn, "overview_in_chromium")
    now = datetime.now(timezone.utc)
    migrate(store, now)
    seed(store, now)
    yield store
    store.close()


def serve(store: Store) -> Iterator[str]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = uvicorn.Server(uvicorn.Config(Starlette(routes=routes(store)), log_level="warning", ws="none"))
        thread = threading.Thread(target=server.run, args=([listener],))
        thread.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        server.should_exit = True
        thread.join()


@pytest.fixture(scope="module")
def address(store: Store) -> Iterator[str]:
    yield from serve(store)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    program = needs("/usr/bin/chromium", "chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def visit(browser: Browser, request: pytest.FixtureRequest) -> Iterator[Visit]:
    context = browser.new_context(**getattr(request, "param", DESKTOP), timezone_id="Europe/Berlin")
    visit = Visit(context.new_page())
    visit.page.on("console", visit.note)
    visit.page.on("pageerror", lambda error: visit.complaints.append(str(error)))
    visit.page.on("request", lambda request: visit.addresses.append(request.url))
    visit.page.on("response", visit.keep)
    visit.page.add_init_script(
        "addEventListener('securitypolicyviolation', event => console.error('policy: ' + event.violatedDirective))"
    )
    yield visit
    context.close()


def show(visit: Visit, address: str) -> Page:
    visit.page.goto(address)
    expect(visit.page.locator("#updated")).to_contain_text("Updated")
    return visit.page


def values(page: Page, query: str) -> list[float | None]:
    """The exact numbers of a panel, in the order of the screen; None for an unknown one."""
    texts = page.locator(f"#{query} data").evaluate_all("found => found.map(one => one.value)")
    return [float(text) if text else None for text in texts]


@pytest.mark.parametrize(
    "visit", [DESKTOP, {**DESKTOP, "color_scheme": "dark"}, PHONE], ids=["light", "dark", "phone"], indirect=True
)
def test_the_page_shows_everything_without_a_complaint_or_a_foreign_address(
    visit: Visit, address: str, tmp_path: Path
) -> None:
    page = show(visit, address)
    for panel in OVERVIEW.panels():
        expect(page.locator(f"#{panel.query} h3")).to_have_text(panel.title)
        expect(page.locator(f"#{panel.query} .failed, #{panel.query} .loading")).to_have_count(0)
    assert len(page.screenshot(path=tmp_path / "page.png", full_page=True)) > 20_000
    assert page.locator("canvas").count() == 6
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert visit.complaints == []
    assert {url for url in visit.addresses if not url.startswith((address, "data:"))} == set()


def test_every_panel_shows_what_the_store_says(visit: Visit, address: str, store: Store) -> None:
    page = show(visit, address)
    for button in page.get_by_role("button", name="as a table").all():
        button.click()
    panels = {panel.query: panel for panel in OVERVIEW.panels()}
    assert len(visit.answers) == len(panels)
    for url, shown in visit.answers.items():
        query = url.split("/api/panels/")[1].split("?")[0]
        asked = page.evaluate("url => [...new URL(url).searchParams]", url)
        stored = answer(store, panels[query].statement(), parse_span([(name, text) for name, text in asked]))
        assert shown["rows"] == stored["rows"]
        numbers = [value for row in stored["rows"] for value in row if isinstance(value, int | float)]
        assert sorted(value for value in values(page, query) if value is not None) == pytest.approx(sorted(numbers))


def test_a_stat_is_the_number_that_a_reader_can_add_up(visit: Visit, address: str) -> None:
    page = show(visit, address)
    assert {query: values(page, query) for query in EXPECTED} == {query: [value] for query, value in EXPECTED.items()}


def test_texts_are_written_for_people(visit: Visit, address: str) -> None:
    page = show(visit, address)
    expect(page.locator("#spend .content")).to_have_text("$2.0087.5 % of attempts priced")
    expect(page.locator("#error_ratio data")).to_have_text("12.5 %")
    expect(page.locator("#error_ratio [role=img]")).to_have_attribute("aria-label", "critical")
    expect(page.locator("#top_spenders tbody tr").last).to_contain_text("new-modelunknown")
    expect(page.locator("#alerts tbody tr").first).to_contain_text("firing")
    expect(page.locator("#drift tbody tr").first).to_contain_text("the prompts moved by 4.5 standard deviations")
    expect(page.locator("#cost_by_team [role=img]")).to_have_attribute(
        "aria-label", "Cost by team, newest values: growth $1.00, search $0.50, unattributed unknown"
    )


def test_a_chosen_team_and_range_narrow_the_page_and_stay_in_its_address(visit: Visit, address: str) -> None:
    page = show(visit, address)
    page.get_by_text("All teams", exact=True).click()
    page.get_by_role("checkbox", name="search").check()
    expect(page.locator("#calls data")).to_have_text("4")
    page.get_by_role("radio", name="15m").check(force=True)
    expect(page.locator("#calls data")).to_have_text("2")
    assert page.url.endswith("?range=15m&teams=search")
    page.reload()
    expect(page.locator("#calls data")).to_have_text("2")
    expect(page.locator("#teams-chosen")).to_have_text("search")


def test_a_chart_shows_its_points_when_it_is_pointed_at(visit: Visit, address: str) -> None:
    page = show(visit, address)
    page.locator("#cost_by_team .chart").hover(position={"x": 300, "y": 80})
    expect(page.locator("#cost_by_team .tooltip")).to_contain_text(" – ")
    assert visit.complaints == []


def test_a_single_point_between_gaps_is_drawn(visit: Visit, address: str) -> None:
    page = show(visit, address)
    canvases = page.locator("canvas").all()
    assert len(canvases) == 6
    assert all(canvas.evaluate(COLOURED_POINTS) > 10 for canvas in canvases)


def test_one_failing_panel_says_so_and_leaves_the_others_alone(visit: Visit, address: str) -> None:
    def refuse(route: Route) -> None:
        route.fulfill(status=503, json={"error": "The store does not answer."})

    visit.page.route("**/api/panels/felt_latency?*", refuse)
    page = show(visit, address)
    expect(page.locator("#felt_latency [role=alert]")).to_contain_text("The store does not answer.")
    assert page.locator(".failed").count() == 1
    expect(page.locator("#calls data")).to_have_text("7")
    visit.page.unroute("**/api/panels/felt_latency?*")
    page.get_by_role("button", name="Try again").click()
    expect(page.locator("#felt_latency canvas")).to_have_count(1)


def test_a_server_that_went_away_is_a_sentence(visit: Visit, address: str) -> None:
    page = show(visit, address)
    visit.page.route("**/api/**", lambda route: route.abort())
    page.get_by_role("button", name="Refresh").click()
    expect(page.locator("#trouble")).to_have_text("The server does not answer. The next refresh tries again.")
    assert page.locator(".failed").count() == len(OVERVIEW.panels())


def test_an_empty_store_tells_how_to_report_calls(visit: Visit, nothing: Store) -> None:
    for address in serve(nothing):
        page = show(visit, address)
        expect(page.get_by_role("heading", name="No calls in this range yet")).to_be_visible()
        expect(page.locator("#hint-code")).to_contain_text(
            f'tokentide.instrument(transport="http", endpoint="{address}")'
        )
        expect(page.locator("#alerts .empty")).to_have_text("No alert is firing or pending.")
        assert values(page, "calls") == [0]
        assert visit.complaints == []


def test_the_page_can_be_read_without_seeing_it(visit: Visit, address: str) -> None:
    page = show(visit, address)
    assert page.get_by_role("main").count() == page.get_by_role("banner").count() == 1
    assert page.get_by_role("contentinfo").count() == 1
    for row in OVERVIEW.rows:
        expect(page.get_by_role("region", name=row.title, exact=True).first).to_be_visible()
    assert page.locator("table:not(:has(caption))").count() == 0
    assert page.locator("button:not([aria-label]):empty, canvas:not([role=img] canvas)").count() == 0
    table = page.get_by_role("region", name="Top spenders").get_by_role("table")
    assert table.get_by_role("columnheader").all_inner_texts() == [
        "Team",
        "App",
        "Model",
        "Cost",
        "Calls",
        "Per call",
        "Priced",
    ]
