"""The Linkbee API."""

import hashlib
import socket
from contextlib import closing
from itertools import count
from urllib.parse import quote_from_bytes, quote_plus, urlsplit

import pytest
import requests
from hypothesis import given, settings
from hypothesis import strategies as st

from refserver.app import create_app
from refserver.database import Database
from refserver.serving import running
from refserver.shortlinks import add_short_link

PAGES_PASSWORD = "_M%CC%3BZ%A7e%D6%1D%83%27%DE%B8%82%CF%99"


def digest(password: str) -> bytes:
    return hashlib.md5(password.encode()).digest()


def ask(api, query: str) -> dict:
    """The answer to a query as it stands; always JSON, always HTTP 200."""
    response = requests.get(f"{api.url}/api.php?{query}", timeout=10)
    assert response.status_code == 200
    assert response.headers["Content-Type"] == "application/json"
    return response.json()


def refused(api, query: str) -> str:
    """The message of an error; fails where the answer isn't the contract's error."""
    answer = ask(api, query)
    assert answer == {"error": 1, "msg": answer["msg"]}
    return answer["msg"]


@pytest.fixture
def john(database) -> str:
    """An account's credentials as the page has them."""
    database.add_account("john", "password", "UTC")
    return f"user=john&pass={PAGES_PASSWORD}"


def test_quicken_makes_a_link_that_works(serve) -> None:
    """Without credentials; the base is the request's host."""
    api = serve()
    answer = ask(api, "task=quicken&url=https%3A%2F%2Fexample.com%2F%3Fa%3D1%26b%3D%C3%A9")
    assert answer == {"error": 0, "msg": "", "quicken": api.url + "/1001"}
    visit = api.visit("/1001")
    assert visit.headers["Location"] == "https://example.com/?a=1&b=%C3%A9"


@pytest.mark.parametrize("host", ["", "nowhere.example:abc", "a b", "x_y", None])
def test_a_link_has_a_host_whatever_a_request_names(serve, host) -> None:
    """Where it names none, or none that can be, the link is at the server's own address."""
    api = serve()
    parts = urlsplit(api.url)
    named = "" if host is None else f"Host: {host}\r\n"
    version = "1.0" if host is None else "1.1"
    with socket.create_connection((parts.hostname, parts.port), 10) as connection:
        path = "/api.php?task=quicken&url=http%3A%2F%2Fe.org%2F"
        request = f"GET {path} HTTP/{version}\r\n{named}Connection: close\r\n\r\n"
        connection.sendall(request.encode())
        answer = b"".join(iter(lambda: connection.recv(65536), b""))
    assert answer.endswith(f'"quicken":"{api.url}/1001"}}'.encode()), answer


def test_shorten_makes_a_link_of_the_account(serve, database, john) -> None:
    """With the page's own password; ad and cat have defaults."""
    api = serve()
    assert ask(api, f"url=http://e.org/&{john}&task=shorten")["shorten"] == api.url + "/1001"
    ask(api, f"task=shorten&url=http://e.org/&{john}&ad=0&cat=13")
    with database.reading() as connection:
        assert connection.execute(
            "SELECT account_id, ad, category FROM short_links ORDER BY id"
        ).fetchall() == [(1, 2, 10), (1, 0, 13)]


def test_hits_are_of_a_link_or_of_all(serve, database, john) -> None:
    """By hash or by link, at whatever host; without one, the account's total. As a string."""
    api = serve()
    mine = [add_short_link(database, "http://e.org/", account_id=1, hits=n) for n in (4, 38)]
    quick = add_short_link(database, "http://e.org/", hits=7)
    api.visit(f"/{mine[0]}")
    assert ask(api, f"task=hits&link={mine[0]}&{john}") == {"error": 0, "msg": "", "hits": "5"}
    assert ask(api, f"task=hits&{john}&link={api.url}/{mine[1]}")["hits"] == "38"
    link = quote_plus(f"http://linkbee.com/{quick}")
    assert ask(api, f"task=hits&{john}&link={link}")["hits"] == "7", "anybody's"
    assert ask(api, f"task=hits&{john}")["hits"] == "43", "its own links' alone"


def test_another_accounts_link_is_unknown(serve, database, john) -> None:
    """As one that doesn't exist is."""
    other = database.add_account("other", "secret", "UTC")
    link_hash = add_short_link(database, "http://e.org/", account_id=other)
    api = serve()
    for unknown in (link_hash, "zzzz"):
        assert refused(api, f"task=hits&{john}&link={unknown}") == "link: no such link"


@pytest.mark.parametrize("wanted", [b"&", b"%", b"+", b"\x00", b"=", b"#", b" "])
def test_pass_may_hold_any_byte(serve, database, wanted) -> None:
    """Bytes that mean something in a URL, or nothing in UTF-8, log in."""
    password = next(str(n) for n in count() if wanted in digest(str(n)))
    database.add_account("john", password, "UTC")
    api = serve()
    sent = digest(password)
    every = "".join(f"%{byte:02x}" for byte in sent)
    for text in (quote_from_bytes(sent, safe=""), quote_plus(sent), every):
        assert ask(api, f"task=hits&user=john&pass={text}")["hits"] == "0"


@pytest.mark.parametrize(
    ("credentials", "message"),
    [
        ("user=john", "user and pass: both are needed"),
        (f"pass={PAGES_PASSWORD}", "user and pass: both are needed"),
        ("user=john&pass=5f4dcc3b5aa765d61d8327deb882cf99", "pass: takes the password's MD5"),
        ("user=john&pass=password", "pass: takes the password's MD5"),
        ("user=john&pass=0123456789abcdef", "user or pass: wrong credentials"),
        (f"user=john&pass={PAGES_PASSWORD[:-1]}8", "user or pass: wrong credentials"),
        (f"user=jane&pass={PAGES_PASSWORD}", "user or pass: wrong credentials"),
        (f"user=%ff&pass={PAGES_PASSWORD}", "user: takes text in UTF-8"),
        ("user=john&pass=", "pass: takes one value"),
    ],
)
def test_credentials_have_to_be_right(serve, john, credentials, message) -> None:
    """For hits and for shorten alike."""
    api = serve()
    for task in ("hits", "shorten&url=http://e.org/"):
        assert refused(api, f"task={task}&{credentials}").startswith(message)


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("", "task: takes quicken or shorten or hits"),
        ("task=nope", "task: takes"),
        ("task=Quicken&url=http://e.org/", "task: takes"),
        ("task=quicken&task=hits", "task: takes one value"),
        ("task=quicken", "url: takes an address"),
        ("task=quicken&url=", "url: takes one value"),
        ("task=quicken&url=e.org", "url: takes an address"),
        ("task=quicken&url=http://e.org/%ff", "url: takes text in UTF-8"),
        ("task=shorten&user=john&pass=" + PAGES_PASSWORD, "url: takes an address"),
        *[("SHORTEN&ad=" + bad, "ad: takes a code from 0 to 2") for bad in ("3", "-1", "x", "01")],
        *[("SHORTEN&cat=" + bad, "cat: takes a code from 3 to 13") for bad in ("2", "14", "3.0")],
        ("HITS&link=http://linkbee.com/", "link: takes a Linkbee link, or its hash"),
        ("HITS&link=a/b", "link: takes"),
        ("HITS&link=../x", "link: takes"),
        ("HITS&link=", "link: takes one value"),
        ("HITS&link=1001&link=1001", "link: takes one value"),
    ],
)
def test_bad_parameters_are_named(serve, database, john, query, message) -> None:
    """With `error` 1, and nothing is made."""
    shorten = f"task=shorten&url=http://e.org/&{john}"
    query = query.replace("SHORTEN", shorten).replace("HITS", f"task=hits&{john}")
    assert refused(serve("legacy-errors"), query).startswith(message)
    with database.reading() as connection:
        assert connection.execute("SELECT count(*) FROM short_links").fetchone() == (0,)


@pytest.mark.parametrize("verb", ["POST", "PUT", "BREW", "OPTIONS"])
def test_other_verbs_are_an_error(serve, verb) -> None:
    """Tasks are called by GET; a large body is an error of the same form."""
    url = serve().url + "/api.php?task=quicken&url=http://e.org/"
    for body in (b"", b"a" * 2_000_000):
        response = requests.request(verb, url, data=body, timeout=10)
        assert response.status_code == 200
        assert response.json()["error"] == 1


def test_a_look_makes_no_link(serve, database) -> None:
    """HEAD has to be safe."""
    requests.head(serve().url + "/api.php?task=quicken&url=http://e.org/", timeout=10)
    with database.reading() as connection:
        assert connection.execute("SELECT count(*) FROM short_links").fetchone() == (0,)


def test_neither_the_password_nor_its_digest_is_kept(database, john) -> None:
    """Neither plain, nor raw, nor in hexadecimal."""
    with database.reading() as connection:
        (row,) = connection.execute("SELECT * FROM accounts").fetchall()
    kept = repr(row).encode() + b"".join(value for value in row if isinstance(value, bytes))
    for secret in (b"password'", digest("password"), digest("password").hex().encode()):
        assert secret not in kept


@pytest.fixture(scope="module")
def standing_server(tmp_path_factory):
    """One server for many examples: its URL."""
    with closing(Database(tmp_path_factory.mktemp("linkbee") / "reference.db")) as database:
        database.add_account("john", "password", "UTC")
        with running(create_app(database)) as url:
            yield url


_values = st.one_of(
    st.binary(max_size=20).map(quote_from_bytes),
    st.text(st.characters(codec="utf-8"), max_size=20).map(quote_plus),
    st.sampled_from(
        ["quicken", "shorten", "hits", "http://e.org/", "john", PAGES_PASSWORD, "%zz"]
    ),
)
_names = st.sampled_from(["task", "url", "user", "pass", "ad", "cat", "link", "", "%ff"])


@settings(max_examples=150, deadline=None)
@given(pairs=st.lists(st.tuples(_names, _values), max_size=7), known=st.booleans())
def test_bad_queries_never_break_the_server(standing_server, pairs, known) -> None:
    """Any query is answered with HTTP 200 and JSON: a value, or an error with its message."""
    if known:
        pairs = [("task", "hits"), ("user", "john"), ("pass", PAGES_PASSWORD), *pairs]
    query = "&".join(f"{name}={value}" for name, value in pairs)
    response = requests.get(f"{standing_server}/api.php?{query}", timeout=10)
    assert response.status_code == 200
    answer = response.json()
    assert answer["error"] in {0, 1}
    assert bool(answer["msg"]) == bool(answer["error"])
