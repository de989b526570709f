"""What browsers can and cannot do: sign-in by cookie, the token that changes must show, forged hosts and origins."""

from __future__ import annotations

import contextlib
import http.client
import json
import re
import socket
import urllib.parse
from collections.abc import Iterator

import pytest

from tests.e2e.processes import ROOT, FarmProcess

pytestmark = [pytest.mark.e2e]

PASSWORD = "correct horse battery"


def ask(
    farm: FarmProcess, method: str, path: str, body: bytes = b"", **headers: str
) -> tuple[int, dict[str, str], bytes]:
    """Return status, headers and body of an answer."""
    connection = http.client.HTTPConnection("127.0.0.1", farm.port, timeout=60)
    with contextlib.closing(connection):
        connection.request(method, path, body, {name.replace("_", "-"): value for name, value in headers.items()})
        answer = connection.getresponse()
        return answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read()


@pytest.fixture(scope="module")
def farm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FarmProcess]:
    """A server with one account."""
    made = FarmProcess(tmp_path_factory.mktemp("browser") / "farm")
    try:
        made.start_server()
        made.ask("account.add", name="ann", role="user", password=PASSWORD)
        made.forget_client()
        yield made
    finally:
        made.close()


def test_a_browser_signs_in_changes_and_signs_out(farm: FarmProcess) -> None:
    status, headers, said = ask(farm, "POST", "/api/login", json.dumps({"name": "ann", "password": PASSWORD}).encode())
    assert status == 200 and "token" not in json.loads(said)
    cookie = headers["set-cookie"]
    assert "HttpOnly" in cookie and "SameSite=Strict" in cookie and "Path=/" in cookie
    shown, csrf = cookie.partition(";")[0], json.loads(said)["csrf"]
    _, _, session = ask(farm, "GET", "/api/session", Cookie=shown)
    assert json.loads(session) == {**json.loads(session), "name": "ann", "role": "user", "csrf": csrf}

    change = json.dumps({"names": ["ann"], "parameters": {"annotation": "hi"}}).encode()
    status, _, said = ask(farm, "POST", "/api/op/user.add", b'{"name": "ann"}', Cookie=shown)
    assert status == 403 and json.loads(said)["error"]["code"] == "csrf"
    status, _, said = ask(farm, "POST", "/api/op/user.add", b'{"name": "ann"}', Cookie=shown, X_AF_CSRF="0" * 64)
    assert status == 403
    assert ask(farm, "POST", "/api/op/user.add", b'{"name": "ann"}', Cookie=shown, X_AF_CSRF=csrf)[0] == 200
    assert ask(farm, "POST", "/api/op/user.set", change, Cookie=shown, X_AF_CSRF=csrf)[0] == 200
    # A role is no matter of the cookie.
    assert ask(farm, "POST", "/api/op/account.list", b"{}", Cookie=shown, X_AF_CSRF=csrf)[0] == 403

    assert ask(farm, "POST", "/api/logout", b"", Cookie=shown, X_AF_CSRF=csrf)[0] == 200
    status, _, said = ask(farm, "GET", "/api/status", Cookie=shown)
    assert status == 401 and json.loads(said)["error"]["code"] == "not_signed_in"


def test_the_form_leads_back_to_this_server_only(farm: FarmProcess) -> None:
    status, headers, page = ask(farm, "GET", "/login?next=/jobs")
    assert status == 200 and b'value="/jobs"' in page and b"<script" not in page
    policy = headers["content-security-policy"]
    assert "default-src 'none'" in policy and "style-src 'self'" in policy
    for wanted, leads in (("/jobs", "/jobs"), ("//evil.example/", "/"), ("/\\evil.example", "/"), ("http://x/", "/")):
        form = urllib.parse.urlencode({"name": "ann", "password": PASSWORD, "next": wanted}).encode()
        status, headers, _ = ask(farm, "POST", "/login", form)
        assert (status, headers["location"]) == (303, leads), wanted
    wrong = urllib.parse.urlencode({"name": "<b>", "password": "x", "next": '"><script>'}).encode()
    status, headers, page = ask(farm, "POST", "/login", wrong)
    assert status == 401 and b"<script" not in page and b"<b>" not in page and "set-cookie" not in headers
    assert b'name="name" value="&lt;b&gt;"' in page, "the name need not be typed again"


@pytest.mark.parametrize(
    ("headers", "refused"),
    [
        ({"Host": "farm.evil.example"}, True),
        ({"Host": "127.0.0.1.evil.example"}, True),
        ({"Origin": "http://evil.example"}, True),
        ({"Origin": "null"}, True),
        ({"Sec_Fetch_Site": "cross-site", "Sec_Fetch_Mode": "no-cors"}, True),
        ({"Sec_Fetch_Site": "same-origin", "Sec_Fetch_Mode": "cors"}, False),
        ({"Sec_Fetch_Site": "none", "Sec_Fetch_Mode": "navigate"}, False),
        ({}, False),
    ],
)
@pytest.mark.parametrize("path", ["/api/status", "/api/operations", "/login", "/metrics", "/api/session"])
def test_every_page_checks_host_and_origin_and_is_protected(
    farm: FarmProcess, path: str, headers: dict[str, str], refused: bool
) -> None:
    status, got, said = ask(farm, "GET", path, **headers)
    assert (status == 403) == refused, said
    if not refused:
        assert got["x-content-type-options"] == "nosniff" and "content-security-policy" in got


@pytest.mark.parametrize("header", ["Host: farm.evil.example", "Host: localhost\r\nOrigin: http://evil.example"])
def test_a_page_of_a_stranger_is_no_classic_client(farm: FarmProcess, header: str) -> None:
    body = b'{"get":{"type":"jobs"}}'
    for start in (b"POST / HTTP/1.1", b"GET / HTTP/1.1"):
        with socket.create_connection(("127.0.0.1", farm.port), timeout=60) as one:
            said = (start, header.encode(), len(body), len(body), body)
            one.sendall(b"%s\r\n%s\r\nAFANASY: %d\r\nContent-Length: %d\r\n\r\n%s" % said)
            assert one.recv(65536).startswith(b"HTTP/1.1 403")


def test_the_dashboard_asks_for_what_the_server_tells(farm: FarmProcess) -> None:
    told = set(re.findall(r"^# TYPE (\w+)", ask(farm, "GET", "/metrics")[2].decode(), re.MULTILINE))
    panels = json.loads((ROOT / "docs" / "grafana-dashboard.json").read_text(encoding="utf-8"))["panels"]
    asked = {name for each in panels for one in each["targets"] for name in re.findall(r"afwatch_\w+", one["expr"])}
    assert len(asked) > 10 and {name.removesuffix("_bucket") for name in asked} <= told


def test_no_path_of_a_request_reaches_the_disk(farm: FarmProcess) -> None:
    for path in (
        "/api/files/..%2f..%2fetc%2fpasswd", "/api/files/%00", "/@TMP@/../../etc/passwd/x", "/login/../../etc/passwd",
        "/afanasy/../../../etc/passwd", "//etc/passwd",
    ):  # fmt: skip
        status, _, said = ask(farm, "GET", path)
        assert status in (400, 404) and b"root:" not in said, path
