"""What hardly is HTTP: bounded, named, and never taken for an answer or for the next one."""

import socket
import time
from contextlib import closing, suppress
from datetime import timedelta

import pytest
from support.raw import Talk, raw_server, read_request

from archiver.errors import UnavailableError
from archiver.sources import transport
from archiver.sources.transport import Answer, Transport

MB = 1 << 20
FINE = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nfine"
STALE = FINE.replace(b"fine", b"OLD!")
NO_HTTP = "what came isn't HTTP that can be read"
BROKE = "the connection broke before the whole answer was there"


@pytest.fixture(autouse=True)
def _short_pauses(monkeypatch) -> None:
    monkeypatch.setattr(transport, "_BACKOFF_SECONDS", 0.01)


def send(url: str, **settings) -> Answer:
    with closing(Transport(**settings)) as sender:
        return sender.send(url, {"pass": "secret"})


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        (b"<html>An answer as of 1991</html>\r\n\r\n", NO_HTTP),
        (b"\x15\x03\x01\x00\x02\x02\x16", NO_HTTP),
        (b"HTTP/1.1 abc OK\r\n\r\n", NO_HTTP),
        (b"HTTP/1.1 000 OK\r\n\r\n", NO_HTTP),
        (b"HTTP/9.9 200 OK\r\nContent-Length: 4\r\n\r\nfine", NO_HTTP),
        (b"SIP/2.0 200 OK\r\nContent-Length: 4\r\n\r\nfine", NO_HTTP),
        (b"\0" * 100_000, NO_HTTP),
        (b"HTTP/1.1 200 OK\r\n" + b"A: b\r\n" * 200 + b"\r\nfine", NO_HTTP),
        (b"HTTP/1.1 200 OK\r\nA: " + b"b" * 100_000 + b"\r\n\r\nfine", NO_HTTP),
        (b"HTTP/1.1 200 " + b"O" * 100_000 + b"\r\n\r\nfine", NO_HTTP),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\nContent-Length: 3\r\n\r\nfine", NO_HTTP),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nfine\r\n\r\n", BROKE),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-4\r\nfine\r\n0\r\n\r\n", BROKE),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\nfine", BROKE),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nfine\r\n", BROKE),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4;" + b"x" * 100_000, NO_HTTP),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nfine", BROKE),
        (b"HTTP/1.1 103 Early Hints\r\nLink: </style.css>\r\n\r\n" + FINE, "HTTP 103"),
        (b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\n\r\n" + FINE, "HTTP 101"),
        (b"HTTP/1.1 999 Denied\r\nContent-Length: 4\r\n\r\nfine", "HTTP 999"),
    ],
)
def test_what_is_no_http_is_named_and_tried_again(said, reason):
    """It is never taken for an answer, and each try has a connection of its own."""
    with (
        raw_server(lambda connection: connection.sendall(said)) as (url, arrivals),
        pytest.raises(UnavailableError, match=reason),
    ):
        send(url)
    assert len(arrivals) == 3


@pytest.mark.parametrize(
    "head", [b"rubbish without a colon\r\n", b"A\0B: c\r\n", b": nameless\r\n", b"A: \xff\xfe\r\n",
             b"Content-Type: multipart/mixed; boundary=x\r\n", b"Date: \xff\r\n", b" folded\r\n"]
)  # fmt: skip
def test_odd_headers_do_no_harm(head, caplog):
    """Nor does anything that is said of them hold the request."""
    whole = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n" + head + b"\r\nfine"
    with raw_server(lambda connection: connection.sendall(whole)) as (url, _):
        assert send(url, method="get").body == b"fine"
    assert "secret" not in caplog.text


def flood(beginning: bytes, endless: bytes) -> Talk:
    """As many bytes as the other side takes; it must have had enough long before the end."""

    def talk(connection: socket.socket) -> None:
        with suppress(OSError):
            connection.sendall(beginning)
            while True:
                connection.sendall(endless)

    return talk


@pytest.mark.parametrize(
    ("beginning", "endless"),
    [
        (b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 2000),
        (b"", b"HTTP/1.1 100 Continue\r\nA: b\r\n\r\n" * 2000),
        (
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nfine\r\n0\r\n",
            b"Trailer: x\r\n" * 2000,
        ),
        (
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
            b"1;" + b"x" * 60_000 + b"\r\nx\r\n",
        ),
    ],
    ids=["continue", "continue with a header", "trailers", "chunk extensions"],
)
def test_a_flood_of_nothing_is_ended(beginning, endless):
    """What never becomes a body is ended by the deadline, in little memory, however fast."""
    import tracemalloc  # noqa: PLC0415 - it slows down whatever runs beside it

    tracemalloc.start()
    try:
        with (
            raw_server(flood(beginning, endless)) as (url, arrivals),
            pytest.raises(UnavailableError, match=r"no whole answer within 0\.4 seconds"),
        ):
            send(url, deadline=timedelta(seconds=0.4))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(arrivals) == 3
    assert peak < 8 * MB


@pytest.mark.parametrize(
    "first",
    [
        b"HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\nno",
        b"HTTP/1.1 204 No Content\r\n\r\n",
        b"HTTP/1.1 304 Not Modified\r\n\r\n",
    ],
)
def test_what_follows_an_odd_answer_is_not_the_next_one(first):
    """After anything but a plain 200 the connection ends: what is still to come on it is nobody's.

    A body after a status that has none, a second answer to the same request.
    """

    def talk(connection: socket.socket) -> None:
        connection.sendall(first if len(arrivals) == 1 else FINE)
        if read_request(connection):
            connection.sendall(STALE)

    with raw_server(talk) as (url, arrivals), closing(Transport()) as sender:
        assert sender.send(url, {}).status == int(first.split()[1])
        assert sender.send(url, {}).body == b"fine"
    assert len(arrivals) == 2


def test_an_answer_that_comes_after_hints_is_not_the_next_one():
    """An informational answer isn't the answer; the answer that comes later isn't another's."""

    def talk(connection: socket.socket) -> None:
        if len(arrivals) < 3:
            connection.sendall(b"HTTP/1.1 103 Early Hints\r\n\r\n")
            if read_request(connection):
                connection.sendall(STALE)
        else:
            connection.sendall(FINE)

    with raw_server(talk) as (url, arrivals):
        assert send(url).body == b"fine"
    assert len(arrivals) == 3


@pytest.mark.parametrize("surplus", [b"", b"}", STALE])
def test_a_body_longer_than_stated_is_cut_and_its_rest_is_nobodys(surplus):
    """What was stated is the answer; more of it isn't the beginning of the next one."""

    def talk(connection: socket.socket) -> None:
        connection.sendall(FINE + surplus)
        read_request(connection)

    with raw_server(talk) as (url, arrivals), closing(Transport()) as sender:
        assert sender.send(url, {}).body == b"fine"
        time.sleep(0.1)  # until the rest is there
        if surplus:
            assert sender.send(url, {}).body == b"fine"
            assert len(arrivals) == 2
