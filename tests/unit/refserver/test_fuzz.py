"""Whatever is sent anywhere is answered as the contract has it, never with a traceback or 500."""

import socket
from contextlib import closing
from datetime import UTC, datetime
from urllib.parse import urlsplit
from xml.etree import ElementTree as ET

import pytest
import requests
from hypothesis import given, settings
from hypothesis import strategies as st

from refserver.app import create_app
from refserver.database import Database
from refserver.records import NewClick, NewLink
from refserver.serving import running

PREFIX = "/api/v1_0/"
CREDENTIALS = [("login", "acme"), ("pass", "secret")]
OWN = {b"302", b"400", b"401", b"404", b"405", b"410", b"413", b"200"}


@pytest.fixture(scope="module")
def url(tmp_path_factory):
    """One server for many examples, with a link that has a click: its URL."""
    with closing(Database(tmp_path_factory.mktemp("fuzz") / "reference.db")) as database:
        account_id = database.add_account("acme", "secret", "UTC")
        links = [NewLink(external_url="https://e.org/", title="é", host="h", vanity_link="sale")]
        (link_id,) = database.add_links(account_id, links)
        database.add_clicks(account_id, [NewClick(link_id, datetime(2026, 1, 1, tzinfo=UTC))])
        app = create_app(database, allow_control=True)
        with running(app) as address:
            yield address


_values = st.one_of(
    st.text(max_size=30).map(lambda text: text.encode("utf-8", "surrogatepass")),
    st.binary(max_size=30),
    st.integers().map(lambda number: str(number).encode()),
    st.datetimes().map(lambda time: str(time).encode()),
    st.sampled_from([b"json", b"xml", b"clicks", b"created_at", b"desc", b"1,2", b"\x00", b"1"]),
    st.sampled_from(
        [b"http://e.org/", b"http://[", b"https://\xc3\xa9.\xc2\xad/", b"sale", b"h:1"]
    ),
)


def _pairs(names: str):
    return st.lists(st.tuples(st.sampled_from(names.split()), _values), max_size=9)


@settings(max_examples=150, deadline=None)
@given(
    pairs=_pairs("format link_id group search sort order limit offset login pass"),
    by_post=st.booleans(),
)
def test_get_links(url, pairs, by_post) -> None:
    """A page, or the contract's error in the asked format."""
    where = {"data" if by_post else "params": [*pairs, *CREDENTIALS]}
    response = requests.request(
        "POST" if by_post else "GET", url + PREFIX + "getLinks", timeout=10, **where
    )
    assert response.status_code in {200, 400, 401}
    if response.headers["Content-Type"] == "application/json":
        error, message = response.json()["error"], response.json()["msg"]
    else:
        root = ET.fromstring(response.content)
        error, message = int(root.findtext("error")), root.findtext("msg")
    assert error == (response.status_code != 200)
    assert bool(message) == bool(error)


@settings(max_examples=150, deadline=None)
@given(
    pairs=_pairs(
        "external_url host title vanity_link description notes alert_at deactivate_at password"
        " has_alert_email is_active is_public has_plus_tracking expires_at group format"
    ),
    is_right=st.booleans(),
)
def test_make_link_and_follow_it(url, pairs, is_right) -> None:
    """A link, which can be followed at once, or an error in plain text."""
    if is_right:
        pairs = [*{**dict(pairs), "external_url": b"https://e.org/?\xc3\xa9"}.items()]
    response = requests.post(url + PREFIX + "makeLink", [*pairs, *CREDENTIALS], timeout=10)
    assert response.status_code in {200, 400}
    assert response.text.startswith("Error: ") == (response.status_code == 400)
    if response.status_code == 200:
        made = urlsplit(response.text)
        visit = requests.get(
            url + made.path, headers={"Host": made.netloc}, allow_redirects=False, timeout=10
        )
        assert visit.status_code in {302, 401, 404, 410}


@settings(max_examples=300, deadline=None)
@given(
    verb=st.sampled_from([b"GET", b"POST", b"HEAD", b"PUT", b"OPTIONS", b"TRACE", b"X"]),
    start=st.sampled_from(
        [
            *(b"/", b"/.", b"//", b"/api/", b"/api/v1_0/", b"/_control/", b"/sale", b"/..%2f"),
            *(b"/api/v1_0/makeLink?", b"/api/v1_0/getLinks?", b"/api.php?task=hits&pass="),
            b"/api.php?",
        ]
    ),
    rest=st.one_of(
        st.binary(max_size=30), st.text("/.%2eE0f?&=+;\\", max_size=20).map(str.encode)
    ),
    host=st.one_of(st.sampled_from([b"h", b"", b"[::1", b"h:x", b"<&>"]), st.binary(max_size=12)),
    cookie=st.binary(max_size=30),
    body=st.binary(max_size=60),
)
def test_raw_requests(url, verb, start, rest, host, cookie, body) -> None:
    """Bytes of any kind in the address, headers and body."""
    target, host, cookie = (
        # What ends a line or a word is no part of it, and what isn't ASCII waitress refuses.
        bytes(byte if 32 < byte < 127 else 0x2B for byte in part)
        for part in (start + rest, host, cookie)
    )
    head = b"\r\n".join(
        [
            verb + b" " + target + b" HTTP/1.1",
            b"Host: " + host,
            b"Connection: close",
            b"Cookie: visited.1=" + cookie,
            b"Authorization: Basic " + cookie,
            b"Content-Type: application/x-www-form-urlencoded",
            b"Content-Length: %d" % len(body),
        ]
    )
    address = urlsplit(url)
    with socket.create_connection((address.hostname, address.port), timeout=10) as client:
        client.sendall(head + b"\r\n\r\n" + body)
        answer = b"".join(iter(lambda: client.recv(65536), b""))
    assert answer.split()[1] in OWN, answer
    assert b"Traceback" not in answer


@pytest.mark.parametrize("method", ["getLinkHistory", "getLinks", "makeLink", "nope"])
@pytest.mark.parametrize("verb", ["POST", "PUT"])
def test_ten_megabytes(url, method, verb) -> None:
    """A body that is too large is refused as such, wherever it is sent."""
    response = requests.request(verb, url + PREFIX + method, data=b"a" * 10_000_000, timeout=10)
    assert response.status_code == 413


@settings(max_examples=150, deadline=None)
@given(
    order=st.dictionaries(
        st.sampled_from(
            [
                *("times", "skip", "method", "seconds", "status", "link_id", "title", "by"),
                *("location", "count", "clicked_at", "retry_after", "x"),
            ]
        ),
        st.one_of(
            *(st.none(), st.integers(), st.text(st.characters(codec="utf-8"), max_size=8)),
            *(st.floats(allow_nan=False, allow_infinity=False), st.datetimes().map(str)),
        ),
        max_size=4,
    ),
    fault=st.sampled_from(
        [
            *("too-many-requests", "server-error", "html", "redirect", "clock", "clicks"),
            *("rename", "wrong-total", "repeated-page", "nope"),
        ]
    ),
)
def test_control(url, order, fault) -> None:
    """An order is obeyed or refused, and what it does is an answer too."""
    response = requests.post(f"{url}/_control/faults", json={"fault": fault, **order}, timeout=10)
    assert response.status_code in {200, 400}
    assert response.json()["error"] == (response.status_code == 400)
    if response.status_code == 200:
        form = [*CREDENTIALS, ("format", "json")]
        answer = requests.post(url + PREFIX + "getLinks", form, timeout=10, allow_redirects=False)
        expected = {"server-error": range(500, 600), "too-many-requests": [429]}
        assert answer.status_code in [200, *expected.get(fault, range(300, 400))]
        requests.post(f"{url}/_control/reset", json={}, timeout=10)
