"""Errors: the contract's, in the asked format, whatever is sent."""

import socket
from contextlib import ExitStack, closing
from urllib.parse import urlsplit
from xml.etree import ElementTree as ET

import pytest
import requests
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from refserver.app import create_app
from refserver.database import Database
from refserver.serving import running

METHOD = "/api/v1_0/getLinkHistory"
FORM = "application/x-www-form-urlencoded"


def message(response: requests.Response) -> str:
    """The text of an error; fails where the answer isn't the contract's error."""
    if response.headers["Content-Type"] == "application/json":
        error = response.json()
        assert error == {"error": 1, "msg": error["msg"]}
        return error["msg"]
    root = ET.fromstring(response.content)
    assert root.tag == "response"
    assert [child.tag for child in root] == ["error", "msg"]
    assert root.findtext("error") == "1"
    text = root.findtext("msg")
    assert text
    return text


@pytest.mark.parametrize(
    "credentials",
    [
        {"pass": "wrong"},
        {"login": "nobody"},
        {"login": None},
        {"pass": None},
        {"login": "ACME"},
        {"login": "acme\x00"},
        {"pass": "secret "},
        {"pass": b"secret\xff"},
    ],
)
def test_wrong_credentials_are_401(serve, account_id, credentials) -> None:
    """Login and pass are needed and have to be right."""
    response = serve().post(**credentials)
    assert response.status_code == 401
    assert "login" in message(response)


@pytest.mark.parametrize("form", ["xml", "json"])
@pytest.mark.parametrize(
    ("parameter", "value"),
    [
        ("start", "2026-02-30 00:00:00"),
        ("start", "2026-01-01"),
        ("start", "2026-01-01T00:00:00"),
        ("start", "2026-1-1 0:0:0"),
        ("start", "2026-01-01 24:00:00"),
        ("start", "0000-01-01 00:00:00"),
        ("start", "٢٠٢٦-01-01 00:00:00"),
        ("start", "2026-01-01 00:00:00\n"),
        ("start", "2026-01-01 00:00:00.5"),
        ("start", "2026-01-01 00:00:00Z"),
        ("end", "2026-01-01 00:00:60"),
        ("end", ""),
        ("limit", "0"),
        ("limit", "1001"),
        ("limit", "-1"),
        ("limit", "1e2"),
        ("limit", "٣"),
        ("limit", " 5"),
        ("limit", "9" * 5000),
        ("offset", "-1"),
        ("offset", "1.0"),
        ("offset", "9" * 19),
        ("order", "ASC"),
        ("order", "random"),
        ("link_id", "1,"),
        ("link_id", "a"),
        ("link_id", "1, 2"),
        ("link_id", "-1"),
        ("group", ""),
        ("group", ["a", "b"]),
        ("limit", ["5", "5"]),
    ],
)
def test_a_bad_parameter_is_named(serve, account_id, form, parameter, value) -> None:
    """400 in the asked format, with the parameter's name and what it takes."""
    response = serve().post(**{"format": form, parameter: value})
    assert response.status_code == 400
    assert message(response).startswith(f"{parameter}: takes ")
    assert form in response.headers["Content-Type"]


@pytest.mark.parametrize("value", ["yaml", "JSON", "", ["json", "json"]])
def test_an_unknown_format_is_answered_in_xml(serve, account_id, value) -> None:
    """What can't be told is answered in the default format."""
    response = serve().post(format=value)
    assert response.status_code == 400
    assert message(response).startswith("format: takes ")
    assert response.headers["Content-Type"].startswith("text/xml")


def test_a_parameter_in_query_and_body_is_given_twice(serve, account_id) -> None:
    """Which of the two is meant isn't guessed."""
    api = serve()
    response = requests.post(
        api.url + METHOD + "?limit=5",
        data={"login": "acme", "pass": "secret", "limit": "5"},
        timeout=10,
    )
    assert response.status_code == 400
    assert message(response).startswith("limit: ")


@pytest.mark.parametrize(
    "path",
    ["/", METHOD + "/", "/api/v1_0/nope", "/api/v1_0//getLinkHistory", "/api/%ff%00", "/..%2f"],
)
def test_no_such_method_is_404(serve, path) -> None:
    """Every address but the methods' own, and without a redirect to one."""
    response = requests.get(serve().url + path + "?format=json", timeout=10, allow_redirects=False)
    assert response.status_code == 404
    assert message(response) == "no such method"
    assert response.headers["Content-Type"] == "application/json"


@pytest.mark.parametrize("verb", ["PUT", "DELETE", "PATCH", "OPTIONS", "BREW"])
def test_other_verbs_are_405(serve, verb) -> None:
    """A method is called by GET or POST, and the answer says so in Allow."""
    response = requests.request(verb, serve().url + METHOD, timeout=10)
    assert response.status_code == 405
    assert {"GET", "POST"} <= set(response.headers["Allow"].split(", "))
    assert message(response)


@pytest.mark.parametrize("kind", [FORM, "text/plain", "multipart/form-data; boundary=x"])
def test_a_large_body_is_413(serve, account_id, kind) -> None:
    """More than a megabyte isn't read; the query still tells the format."""
    response = requests.post(
        serve().url + METHOD + "?format=json",
        data=b"a" * 1_000_001,
        headers={"Content-Type": kind},
        timeout=10,
    )
    assert response.status_code == 413
    assert "1000000" in message(response)


@pytest.mark.parametrize("form", ["xml", "json"])
def test_an_unexpected_error_is_500_without_a_traceback(
    serve, database, account_id, form, caplog
) -> None:
    """The client learns that it failed; what failed is in the log, without the query."""
    with database.writing() as connection:
        connection.execute("DROP TABLE clicks")
    response = serve().post(format=form)
    assert response.status_code == 500
    assert message(response) == "an unexpected error; the server's log has it"
    assert "no such table: clicks" in caplog.text
    assert "secret" not in caplog.text


def test_bodies_of_other_types_hold_no_parameters(serve, account_id) -> None:
    """Parameters are form-encoded: JSON and multipart bodies aren't looked at."""
    api = serve()
    credentials = {"login": "acme", "pass": "secret"}
    as_json = requests.post(api.url + METHOD, json=credentials, timeout=10)
    as_parts = requests.post(
        api.url + METHOD, files={name: (None, v) for name, v in credentials.items()}, timeout=10
    )
    assert (as_json.status_code, as_parts.status_code) == (401, 401)


_names = st.sampled_from(
    ["login", "pass", "format", "start", "end", "link_id", "group", "order", "limit", "offset"]
)
_values = st.one_of(
    st.text(max_size=30),
    st.binary(max_size=30),
    st.integers().map(str),
    st.datetimes().map(str),
    st.sampled_from(["json", "xml", "acme", "secret", "asc", "desc", "1,2", "\x00"]),
)


@pytest.fixture(scope="module")
def standing_server(tmp_path_factory):
    """One server for many examples: its URL."""
    path = tmp_path_factory.mktemp("errors") / "reference.db"
    with closing(Database(path)) as database:
        database.add_account("acme", "secret", "UTC")
        with running(create_app(database)) as url:
            yield url


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    pairs=st.lists(st.tuples(_names, _values), max_size=8),
    credentials=st.booleans(),
    by_post=st.booleans(),
)
def test_bad_parameters_never_break_the_server(
    standing_server, pairs, credentials, by_post
) -> None:
    """Any parameters at all are answered, with a page or the contract's error."""
    if credentials:
        pairs = [*pairs, ("login", "acme"), ("pass", "secret")]
    pairs = [
        (name, value.encode("utf-8", "surrogatepass") if isinstance(value, str) else value)
        for name, value in pairs
    ]
    where = {"data": pairs} if by_post else {"params": pairs}
    response = requests.request(
        "POST" if by_post else "GET", standing_server + METHOD, timeout=10, **where
    )
    if response.status_code == 200:
        return
    assert response.status_code in {400, 401}
    assert "Traceback" not in message(response)


@settings(max_examples=100, deadline=None)
@given(body=st.binary(max_size=200), query=st.binary(max_size=60), path=st.binary(max_size=20))
def test_raw_bytes_never_break_the_server(standing_server, body, query, path) -> None:
    """Bytes that aren't even text are refused, not failed at."""
    # What ends a request line is no part of an address.
    target = METHOD.encode() + b"%2f" + path + b"?" + query
    target = bytes(byte if byte > 32 and byte != 127 else 0x2B for byte in target)
    address = urlsplit(standing_server)
    for asked in (target, METHOD.encode() + b"?format=json"):
        head = (
            b"POST " + asked + b" HTTP/1.1\r\nHost: h\r\nConnection: close\r\n"
            b"Content-Type: application/x-www-form-urlencoded\r\n"
            b"Content-Length: " + str(len(body)).encode() + b"\r\n\r\n"
        )
        with socket.create_connection((address.hostname, address.port), timeout=10) as client:
            client.sendall(head + body)
            answer = b"".join(iter(lambda: client.recv(65536), b""))
        assert answer.split()[1] in {b"400", b"401", b"404"}, answer


@pytest.mark.parametrize("target", [b"http://[/.1", b"http://a]/x", b"http://[::1/.1", b"//[/.1"])
def test_an_address_that_is_none_is_refused(standing_server, target, caplog) -> None:
    """In a request line: an answer all the same, and nothing is logged as a defect."""
    address = urlsplit(standing_server)
    head = b"GET " + target + b" HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"
    with socket.create_connection((address.hostname, address.port), timeout=10) as client:
        client.sendall(head)
        answer = b"".join(iter(lambda: client.recv(65536), b""))
    assert answer.split()[1] in {b"400", b"404"}
    assert "uncaptured" not in caplog.text


def test_many_open_connections_leave_the_server_answering(serve, account_id) -> None:
    """Clients that keep theirs open, and ask nothing, keep nobody else out."""
    api = serve()
    parts = urlsplit(api.url)
    with ExitStack() as stack:
        for _ in range(300):
            address = (parts.hostname, parts.port)
            stack.enter_context(closing(socket.create_connection(address, 10)))
        assert api.post().status_code == 200
