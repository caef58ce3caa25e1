"""Who may ask what: the decision alone, and in front of the routes of a real program."""

from __future__ import annotations

import asyncio
import base64
from pathlib import Path

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Mount, Route
from tokentide_process import running_up, tokentide

from server.admin import Access, Asked, access_of, refusal
from server.config import ConfigError, ServerConfig
from server.programs import Program
from server.serve import application
from store.connection import Store

HERE = {"host": "127.0.0.1:8321"}
TOKENS = Access("of the admin", "of the reader")


def status(path: str, access: Access, client: str = "127.0.0.1", **headers: str) -> int:
    """The status of the refusal; 200 when the request may pass."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    refused = refusal(Asked(path, HERE | named, client), access)
    return refused.status if refused else 200


def basic(password: str) -> str:
    return "Basic " + base64.b64encode(f"anyone:{password}".encode()).decode()


@pytest.mark.parametrize("path", ["/api/admin", "/api/admin/", "/api/admin/erase", "/api/admin/a/b"])
@pytest.mark.parametrize(
    ("authorization", "expected"),
    [
        ("", 401),
        ("Bearer", 401),
        ("Bearer of the reader", 401),
        ("Bearer of the admi", 401),
        (basic("of the admin"), 401),
        ("Bearer of the admin", 200),
        ("bearer of the admin", 200),
    ],
)
def test_with_an_admin_token_it_alone_opens_what_changes_data(path: str, authorization: str, expected: int) -> None:
    assert status(path, TOKENS, authorization=authorization) == expected
    assert status(path, TOKENS, client="203.0.113.7", authorization=authorization) == expected


@pytest.mark.parametrize(
    ("client", "expected"),
    [
        ("127.0.0.1", 200),
        ("127.8.9.10", 200),
        ("::1", 200),
        ("::ffff:127.0.0.1", 200),
        ("192.168.1.4", 403),
        ("::ffff:192.168.1.4", 403),
        ("testclient", 403),
        ("", 403),
    ],
)
def test_without_one_only_this_machine_is_answered(client: str, expected: int) -> None:
    assert status("/api/admin/erase", Access(), client) == expected


@pytest.mark.parametrize("header", ["x-forwarded-for", "forwarded", "via", "x-real-ip", "x-forwarded-host"])
def test_what_a_proxy_on_this_machine_hands_on_is_not_from_this_machine(header: str) -> None:
    assert status("/api/admin/erase", Access(), **{header: "127.0.0.1"}) == 403


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("localhost:8321", 200),
        ("LOCALHOST", 200),
        ("[::1]:8321", 200),
        ("tokentide.internal:8321", 200),
        ("evil.example:8321", 403),
        ("localhost.evil.example", 403),
        ("127.0.0.1.evil.example", 403),
        ("[", 403),
        ("", 403),
    ],
)
def test_a_foreign_name_that_leads_here_opens_nothing(host: str, expected: int) -> None:
    access = Access(host="Tokentide.internal")
    assert status("/api/admin/erase", access, host=host) == expected


@pytest.mark.parametrize("access", [Access(), TOKENS])
@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({"sec_fetch_site": "same-origin"}, 200),
        ({"sec_fetch_site": "none"}, 200),
        ({"sec_fetch_site": "cross-site"}, 403),
        ({"sec_fetch_site": "same-site"}, 403),
        ({"sec_fetch_site": "cross-site", "origin": "http://127.0.0.1:8321"}, 403),
        ({"origin": "http://127.0.0.1:8321"}, 200),
        ({"origin": "https://127.0.0.1:8321"}, 200),
        ({"origin": "http://127.0.0.1:9999"}, 403),
        ({"origin": "https://evil.example"}, 403),
        ({"origin": "null"}, 403),
    ],
)
def test_a_page_of_another_site_changes_nothing(access: Access, headers: dict[str, str], expected: int) -> None:
    assert status("/api/admin/erase", access, authorization="Bearer of the admin", **headers) == expected


@pytest.mark.parametrize("path", ["/", "/static/page.js", "/api/report/cost", "/metrics", "/api/administer", "/v1"])
@pytest.mark.parametrize(
    ("authorization", "expected"),
    [
        ("", 401),
        ("Bearer wrong", 401),
        ("Basic nonsense", 401),
        ("Basic " + base64.b64encode(b"\xff:\xff").decode(), 401),
        (basic(""), 401),
        (basic("of the reader"), 200),
        (basic("of the admin"), 200),
        ("Bearer of the reader", 200),
        ("Bearer of the admin", 200),
    ],
)
def test_with_a_read_token_nothing_is_read_without_it(path: str, authorization: str, expected: int) -> None:
    assert status(path, TOKENS, authorization=authorization) == expected
    assert status(path, Access("of the admin"), authorization=authorization) == 200


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/v1/events", "/v1/traces"])
def test_probes_and_the_intake_need_no_read_token(path: str) -> None:
    assert status(path, TOKENS) == 200


@given(st.text(), st.text())
def test_an_unset_token_is_never_the_right_one(authorization: str, client: str) -> None:
    asked = Asked("/", {"authorization": authorization}, client)
    assert refusal(asked, Access(read_token="a" * 40)) is not None


def test_a_file_holds_a_token_and_an_empty_one_opens_nothing(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("secret\n")
    assert access_of(ServerConfig(admin_token_file=file, read_token_file=file)) == Access("secret", "secret")
    file.write_text("\n")
    with pytest.raises(ConfigError, match=r"server\.read_token_file .* is empty"):
        access_of(ServerConfig(read_token_file=file))
    with pytest.raises(ConfigError, match=r"server\.admin_token_file .* cannot be read"):
        access_of(ServerConfig(admin_token_file=tmp_path / "nowhere"))


def program() -> Program:
    """Routes at the places where colleagues may put them."""

    def done(request: Request) -> JSONResponse:
        return JSONResponse({"done": True})

    routes = [Route("/api/admin/erase", done, methods=["POST"]), Mount("/api", routes=[Route("/admin/later", done)])]
    return Program(routes=[*routes, Route("/page", done)])


def asked(store: Store, access: Access, client: str, method: str, path: str, **headers: str) -> httpx.Response:
    """The answer of the whole application to a client at that address."""

    async def ask() -> httpx.Response:
        transport = httpx.ASGITransport(application(program(), store, CollectorRegistry(), access), client=(client, 1))
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as caller:
            return await caller.request(method, path, headers=headers)

    return asyncio.run(ask())


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/api/admin/erase"),
        ("GET", "/api/admin/later"),
        ("GET", "/api/%61dmin/later"),
        ("GET", "/api/admin/not-there"),
    ],
)
def test_every_route_below_the_prefix_is_guarded(store: Store, method: str, path: str) -> None:
    refused = asked(store, Access(), "203.0.113.7", method, path)
    assert refused.status_code == 403
    assert "set server.admin_token" in refused.json()["error"]
    without = asked(store, TOKENS, "127.0.0.1", method, path)
    assert (without.status_code, without.headers["www-authenticate"]) == (401, "Bearer")
    assert "server.admin_token" in without.json()["error"]
    with_it = asked(store, TOKENS, "203.0.113.7", method, path, authorization="Bearer of the admin")
    assert with_it.status_code == (404 if "not-there" in path else 200)


def test_a_browser_is_asked_for_the_password_of_the_page(store: Store) -> None:
    refused = asked(store, TOKENS, "203.0.113.7", "GET", "/page")
    assert (refused.status_code, refused.headers["www-authenticate"]) == (401, 'Basic realm="tokentide"')
    assert asked(store, TOKENS, "203.0.113.7", "GET", "/page", authorization=basic("of the reader")).status_code == 200
    assert asked(store, TOKENS, "203.0.113.7", "GET", "/healthz").status_code == 200
    assert asked(store, TOKENS, "203.0.113.7", "GET", "/metrics").status_code == 401


def test_a_running_program_asks_for_its_tokens_and_the_command_line_knows_them(tmp_path: Path) -> None:
    (tmp_path / "reader").write_text("of the reader\n")
    reader = {"TOKENTIDE_SERVER__READ_TOKEN_FILE": str(tmp_path / "reader")}
    with running_up(tmp_path, **reader) as up:
        assert httpx.get(f"{up.address}/").status_code == 401
        assert httpx.get(f"{up.address}/static/page.js").status_code == 401
        assert "tokentide" in httpx.get(f"{up.address}/", auth=("me", "of the reader")).text
        claimed = httpx.get(f"{up.address}/api/admin/x", headers={"X-Forwarded-For": "127.0.0.1"})
        assert claimed.status_code == 403
        assert httpx.get(f"{up.address}/api/admin/x").status_code == 404
        refused = tokentide(tmp_path, "report", "cost", "--server", up.address)
        assert (refused.returncode, "a token is needed to read" in refused.stderr) == (1, True)
        known = tokentide(tmp_path, "report", "cost", "--server", up.address, **reader)
        assert (known.returncode, known.stdout) == (0, "nothing was stored in this range\n")


def test_a_token_file_that_is_not_there_is_a_sentence(tmp_path: Path) -> None:
    found = tokentide(tmp_path, "up", "--port", "0", TOKENTIDE_SERVER__ADMIN_TOKEN_FILE="nowhere")
    assert found.returncode == 1
    assert found.stderr.startswith("tokentide: server.admin_token_file nowhere cannot be read")
