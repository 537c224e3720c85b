"""Tracking links and short links, followed by real requests."""

import socket
from datetime import UTC, datetime, timedelta
from threading import Thread
from urllib.parse import urlsplit

import pytest
import requests

from refserver.records import NewLink
from refserver.shortlinks import add_short_link

NOW = datetime(2026, 11, 19, 12, 0, tzinfo=UTC)


class Clock:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def add(database, account_id):
    """Adds a link of these properties; its path."""

    def added(**properties) -> str:
        link = NewLink(**{"external_url": "https://example.com/?a=1&b=2", **properties})
        (link_id,) = database.add_links(account_id, [link])
        return "/" + link.vanity_link if link.vanity_link else f"/.{link_id}"

    return added


def test_a_visit_is_sent_on_and_recorded(serve, add) -> None:
    """302 to the destination, and a click with the visit's time, address, referrer and agent."""
    api = serve()
    headers = {"Referer": "https://r.example/é?x=1".encode(), "User-Agent": "Brôwser/1".encode()}
    response = api.visit(add(title="Sale"), headers=headers)
    assert response.status_code == 302
    assert response.headers["Location"] == "https://example.com/?a=1&b=2"
    assert response.headers["Cache-Control"] == "no-store"
    (click,) = api.clicks()
    assert click == {
        **click,
        "link_id": "1",
        "link": api.url + "/.1",
        "title": "Sale",
        "clicked_at": "2026-11-19 07:00:00",
        "ip": "127.0.0.1",
        "country": None,
        "referrer": "https://r.example/é?x=1",
        "user_agent": "Brôwser/1",
        "is_unique": "1",
        "conversion": None,
    }
    assert (api.links()[0]["clicks"], api.links()[0]["unique_clicks"]) == ("1", "1")


def test_a_visitor_is_new_again_after_half_an_hour(serve, add) -> None:
    """The cookie tells; the half hour counts from the visit before, and for each link alone."""
    clock = Clock()
    api, path, other = serve(clock=clock), add(vanity_link="sale"), add()
    with requests.Session() as browser:
        for seconds, visited in [(0, path), (1799, path), (3598, "/.1"), (3600, other)]:
            clock.now = NOW + timedelta(seconds=seconds)
            browser.get(api.url + visited, allow_redirects=False, timeout=10)
        clock.now = NOW + timedelta(seconds=3598 + 1800)
        browser.get(api.url + path, allow_redirects=False, timeout=10)
    api.visit(path)
    unique = [(c["link_id"], c["is_unique"]) for c in api.clicks()]
    assert unique == [("1", "1"), ("1", "0"), ("1", "0"), ("2", "1"), ("1", "1"), ("1", "1")]


@pytest.mark.parametrize("cookie", ["", "x", "-5", "9" * 13, "\u0661", "1795089601"])
def test_a_cookie_that_says_nothing_is_ignored(serve, add, cookie) -> None:
    """One that isn't ours, or is of a time to come, makes nobody known."""
    api = serve()
    response = api.visit(add(), headers={"Cookie": f"visited.1={cookie}".encode()})
    assert response.status_code == 302
    assert api.clicks()[0]["is_unique"] == "1"


def test_a_look_is_no_click(serve, add) -> None:
    """HEAD is answered alike, and neither recorded nor given a cookie."""
    api = serve()
    response = api.visit(add(), verb="HEAD")
    assert (response.status_code, response.headers["Location"]) == (
        302,
        "https://example.com/?a=1&b=2",
    )
    assert "Set-Cookie" not in response.headers
    assert api.clicks() == []


@pytest.mark.parametrize(
    ("properties", "status"),
    [
        ({"is_active": False}, 404),
        ({"expires_at": "2026-11-19 07:00:00"}, 410),
        ({"expires_at": "0001-01-01 00:00:00"}, 410),
        ({"expires_at": "2026-11-19 07:00:01"}, 302),
        ({"expires_at": "9999-12-31 23:59:59"}, 302),
        ({"external_url": "u"}, 404),
        ({"external_url": "javascript:alert(1)"}, 404),
        ({"external_url": "http://["}, 404),
    ],
)
def test_a_link_can_be_out_of_use(serve, add, properties, status) -> None:
    """404 for one that is switched off or leads nowhere, 410 for one that has expired."""
    api = serve("legacy-errors")
    response = api.visit(add(**properties))
    assert response.status_code == status
    assert response.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert len(api.clicks()) == (status == 302)


def test_a_link_ends_after_its_clicks(serve, add) -> None:
    """`deactivate_at` clicks and not one more, even when they come at once; then 410."""
    api, path = serve(), add(deactivate_at=5)
    statuses: list[int] = []
    threads = [
        Thread(target=lambda: statuses.append(api.visit(path).status_code)) for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(statuses) == [302] * 5 + [410] * 3
    assert len(api.clicks()) == 5


def test_a_link_can_ask_for_its_password(serve, add) -> None:
    """401 until it comes, by HTTP's Basic scheme with any user name; only then a click."""
    api, path = serve(), add(password="pässword")
    for auth in (None, ("anyone", "wrong")):
        refused = api.visit(path, auth=auth)
        assert refused.status_code == 401
        assert refused.headers["WWW-Authenticate"].startswith("Basic ")
    assert api.clicks() == []
    assert api.visit(path, auth=("", "pässword".encode())).status_code == 302
    assert len(api.clicks()) == 1


def test_a_link_with_a_host_is_found_there_alone(serve, add) -> None:
    """By the header Host, whatever its case and port; one without a host is found anywhere."""
    api = serve()
    own, free = add(host="Go.example.com"), add()
    for host, status in [
        ("go.example.com", 302),
        ("GO.example.com", 302),
        ("go.example.com:8080", 302),
        ("other.example.com", 404),
        ("127.0.0.1", 404),
    ]:
        assert api.visit(own, headers={"Host": host}).status_code == status
        assert api.visit(free, headers={"Host": host}).status_code == 302


def test_a_vanity_name_is_the_hosts_own_first(serve, add) -> None:
    """The same name at two hosts leads to two places."""
    api = serve()
    for host in ("", "go.example.com"):
        path = add(vanity_link="x", host=host, external_url=f"https://{host or 'any'}.example/")
    for host in ("go.example.com", "any"):
        response = api.visit(path, headers={"Host": host})
        assert response.headers["Location"] == f"https://{host}.example/"


@pytest.mark.parametrize(
    "path",
    [
        *("/.0", "/.01", "/.2", "/.A", "/.1.", "/.zzzzzzzzzzzz", "/.zzzzzzzzzzzzz", "/1001"),
        *("/" + "a" * 5000, "/%00", "/.%ff", "/é", "/favicon.ico", "/%2e1%00"),
    ],
)
def test_no_such_link_is_404(serve, add, path) -> None:
    """A name that no link has, and never a server's error."""
    add()
    response = serve().visit(path)
    assert (response.status_code, response.text) == (404, "There is no such link.")


def test_other_verbs_follow_no_link(serve, add) -> None:
    """405, as plain text."""
    api = serve()
    response = api.visit(add(), verb="POST")
    assert response.status_code == 405
    assert response.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert api.clicks() == []


def test_destinations_are_written_for_a_header(serve, add) -> None:
    """Letters beyond ASCII are percent-encoded, host names become Punycode."""
    response = serve().visit(add(external_url="https://straße.example/日?q=é"))
    assert response.headers["Location"] == "https://strasse.example/%E6%97%A5?q=%C3%A9"


def test_headers_of_any_bytes_are_recorded(serve, add) -> None:
    """What isn't UTF-8 becomes U+FFFD, and the visitor is sent on."""
    api, path = serve(), add()
    address = urlsplit(api.url)
    with socket.create_connection((address.hostname, address.port), timeout=10) as client:
        client.sendall(
            f"GET {path} HTTP/1.1\r\nHost: h\r\nConnection: close\r\nReferer: \xff\xfe<x>\r\n"
            "User-Agent: \xe9\r\n\r\n".encode("latin-1")
        )
        answer = b"".join(iter(lambda: client.recv(65536), b""))
    assert answer.startswith(b"HTTP/1.1 302 ")
    (click,) = api.clicks()
    assert (click["referrer"], click["user_agent"]) == ("\ufffd\ufffd<x>", "\ufffd")


def test_short_links_redirect_and_count(serve, database) -> None:
    """Each visit is a hit, a look is none."""
    api = serve()
    link_hash = add_short_link(database, "https://example.com/x")
    for verb in ("GET", "HEAD", "GET"):
        response = api.visit(f"/{link_hash}", verb=verb)
        assert (response.status_code, response.headers["Location"]) == (
            302,
            "https://example.com/x",
        )
    assert api.visit(f"/{link_hash.lower()}x").status_code == 404
    with database.reading() as connection:
        assert connection.execute("SELECT hits FROM short_links").fetchall() == [(2,)]


def test_a_vanity_name_is_no_hash(database, add) -> None:
    """A hash that a tracking link has as its name is passed over."""
    add(vanity_link="1002")
    assert [add_short_link(database, "https://e.org/") for _ in range(3)] == [
        "1001",
        "1003",
        "1004",
    ]
