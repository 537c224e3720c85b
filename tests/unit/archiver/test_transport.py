"""Requests to real sockets: retries, deadlines, a pace, and what errors may not say."""

import socket
import threading
import time
import traceback
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from datetime import UTC, datetime, timedelta

import pytest
from support.raw import drip, raw_server, read_request
from support.scripted import Reply, scripted
from urllib3.util import connection

from archiver.errors import AccountError, SourceError, UnavailableError
from archiver.sources import bodies, transport
from archiver.sources.transport import Answer, Transport

PASSWORD = "pa&ss%word+é"
ENCODED = "pa%26ss%25word%2B"
PARAMETERS = {"login": "acme-api", "pass": PASSWORD, "start": "2026-11-19 00:00:00"}
QUICK = timedelta(seconds=0.3)
TRIES = 3


@pytest.fixture(autouse=True)
def _short_pauses(monkeypatch):
    monkeypatch.setattr(transport, "_BACKOFF_SECONDS", 0.01)


@pytest.fixture(params=["get", "post"])
def method(request) -> str:
    return request.param


def send(url: str, **settings) -> Answer:
    with closing(Transport(**settings)) as sender:
        return sender.send(url, PARAMETERS)


class Script:
    """Replies one after the other, the last one for ever; counts what it was asked."""

    def __init__(self, *replies: Reply) -> None:
        self.replies = list(replies)
        self.asked: list[dict[str, str]] = []

    def __call__(self, asked: dict[str, str]) -> Reply:
        self.asked.append(asked)
        return self.replies.pop(0) if len(self.replies) > 1 else self.replies[0]


def closed_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


OK = Reply(b"fine")


# What is sent


def test_post_sends_a_form_and_no_query(method):
    """By POST the parameters are a form, by GET a query; they arrive as they were either way."""
    requests: list[bytes] = []

    def talk(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok")

    with raw_server(talk, requests=requests) as (url, _):
        assert send(url, method=method).body == b"ok"
    line, _, rest = requests[0].partition(b"\r\n")
    assert line.startswith(method.upper().encode())
    assert (ENCODED.encode() in line) == (method == "get")
    assert b"User-Agent: link-history-archiver" in rest
    assert b"\r\nAccept-Encoding: gzip\r\n" in rest
    if method == "post":
        assert b"?" not in line
        assert b"application/x-www-form-urlencoded" in rest


def test_the_parameters_arrive(method):
    """Whatever is in a password, the service reads it as it is."""
    script = Script(OK)
    with scripted(script) as url:
        answer = send(f"{url}getLinkHistory", method=method)
    assert script.asked == [PARAMETERS]
    assert (answer.status, answer.body) == (200, b"fine")


def test_the_services_clock_is_read():
    """The answer's Date is UTC; the clock of the scripted server is this machine's."""
    with scripted(Script(OK)) as url:
        served_at = send(url).served_at
    assert served_at is not None
    assert abs(datetime.now(UTC) - served_at) < timedelta(seconds=30)


@pytest.mark.parametrize(
    ("date", "served_at"),
    [
        (b"Thu, 19 Nov 2026 08:15:30 GMT", datetime(2026, 11, 19, 8, 15, 30, tzinfo=UTC)),
        (b"Thu, 19 Nov 2026 09:15:30 +0100", datetime(2026, 11, 19, 8, 15, 30, tzinfo=UTC)),
        (b"Thu, 19 Nov 2026 08:15:30 -0000", datetime(2026, 11, 19, 8, 15, 30, tzinfo=UTC)),
        (b"yesterday", None),
        (b"Fri, 31 Dec 9999 23:59:59 -2300", None),
        (b"Sat, 1 Jan 99999999999 00:00:00 GMT", None),
        (b"", None),
    ],
)
def test_a_clock_that_cannot_be_read_is_none(date, served_at):
    """No nonsense in a Date header stops an answer."""

    def talk(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nDate: " + date + b"\r\nContent-Length: 0\r\n\r\n")

    with raw_server(talk) as (url, _):
        assert send(url).served_at == served_at


@pytest.mark.parametrize("status", [200, 204, 400, 401, 404, 405, 413, 418])
def test_other_answers_are_the_callers_to_judge(status):
    """What no second try can mend is given back at once."""
    script = Script(Reply(b"", status))
    with scripted(script) as url:
        assert send(url).status == status
    assert len(script.asked) == 1


# Trying again


@pytest.mark.parametrize("status", [408, 425, 429, 500, 501, 502, 503, 504, 507, 520, 599])
def test_a_server_error_is_tried_again(status):
    """Two failures and a success are a success."""
    script = Script(Reply(b"", status), Reply(b"", status), OK)
    with scripted(script) as url:
        assert send(url).body == b"fine"
    assert script.asked == [PARAMETERS] * TRIES


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_lasting_server_error_is_given_up(status):
    """After the last try the window is left, and the message says what the service said."""
    script = Script(Reply(b"", status))
    with (
        scripted(script) as url,
        pytest.raises(UnavailableError, match=f"{status}.*{TRIES} tries"),
    ):
        send(url)
    assert len(script.asked) == TRIES


@pytest.mark.parametrize(
    "half",
    [
        b"",
        b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n100\r\nhalf",
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 9\r\n\r\nnot gzip!",
        b"no HTTP at all\r\n\r\n",
    ],
    ids=["dropped", "short", "half a chunk", "not gzip", "not HTTP"],
)
def test_a_broken_answer_is_tried_again(half):
    """A connection that ends too soon, or isn't HTTP, may do better the next time."""
    whole = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\nConnection: close\r\n\r\nfine"

    def talk(connection: socket.socket) -> None:
        connection.sendall(half if len(arrivals) < TRIES else whole)

    with raw_server(talk) as (url, arrivals):
        assert send(url).body == b"fine"
    assert len(arrivals) == TRIES


def test_an_answer_that_never_gets_whole_is_given_up():
    """A body shorter than its stated length is never taken for the whole."""

    def talk(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")

    with raw_server(talk) as (url, arrivals), pytest.raises(UnavailableError, match="broke"):
        send(url)
    assert len(arrivals) == TRIES


def test_a_short_retry_after_is_heeded():
    """The service asks for a second: it isn't asked again before."""
    script = Script(Reply(b"", 429, (("Retry-After", "1"),)), OK)
    begun = time.monotonic()
    with scripted(script) as url:
        assert send(url).body == b"fine"
    assert time.monotonic() - begun >= 1


def test_a_retry_after_holds_every_thread():
    """The service asked the account to wait, not one of its requests."""
    arrivals: list[float] = []

    def script(_: dict[str, str]) -> Reply:
        arrivals.append(time.monotonic())
        return OK if len(arrivals) > 1 else Reply(b"", 503, (("Retry-After", "1"),))

    with scripted(script) as url, closing(Transport()) as sender:
        first = threading.Thread(target=sender.send, args=(url, PARAMETERS))
        first.start()
        time.sleep(0.3)
        sender.send(url, PARAMETERS)
        first.join()
    assert len(arrivals) == 3
    assert min(arrivals[1:]) - arrivals[0] >= 1


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ("91", "wait 91 seconds"),
        ("3600", "wait 3600 seconds"),
        ("31536000", "wait for more than a day"),
        ("9" * 400, "wait for more than a day"),
        ("Thu, 19 Nov 2026 09:15:30 GMT", "wait 3600 seconds"),
        ("Fri, 19 Nov 2027 08:15:30 GMT", "wait for more than a day"),
        ("Fri, 31 Dec 9999 23:59:59 GMT", "wait for more than a day"),
    ],
)
def test_a_long_retry_after_ends_the_account(asked, said):
    """A run doesn't wait for an hour: it says so at once, with the remedy."""
    with (
        raw_server(lambda c: c.sendall(busy(asked))) as (url, arrivals),
        pytest.raises(AccountError, match=f"HTTP 429.*{said}.*requests_per_second"),
    ):
        send(url)
    assert len(arrivals) == 1


def busy(retry_after: str) -> bytes:
    """An answer by a clock that stands still at 08:15:30."""
    date = b"Date: Thu, 19 Nov 2026 08:15:30 GMT\r\nContent-Length: 0\r\n"
    return b"HTTP/1.1 429 Busy\r\n%sRetry-After: %s\r\n\r\n" % (date, retry_after.encode())


def test_a_retry_after_that_is_a_time_is_heeded():
    """It is a time of the service's clock, whatever ours says."""
    whole = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\nConnection: close\r\n\r\nfine"

    def talk(connection: socket.socket) -> None:
        first = len(arrivals) == 1
        connection.sendall(busy("Thu, 19 Nov 2026 08:15:31 GMT") if first else whole)

    with raw_server(talk) as (url, arrivals):
        assert send(url).body == b"fine"
    assert arrivals[1] - arrivals[0] >= 1


@pytest.mark.parametrize(
    "text", ["soon", "-5", "Thu, 19 Nov 2026 08:15:30 GMT", "Fri, 31 Dec 9999 23:59:59 -2300", "²",
             "1.5", "", "Mon, 19 Nov 0001 08:15:30 GMT"]
)  # fmt: skip
def test_a_retry_after_that_is_none_is_ignored(text):
    """Then our own pause counts."""
    script = Script(Reply(b"", 503, (("Retry-After", text.encode().decode("latin-1")),)), OK)
    with scripted(script) as url:
        assert send(url).body == b"fine"


def test_one_deadline_holds_for_all_tries(monkeypatch):
    """What the service asks to wait counts: where no try fits in any more, none is made."""
    monkeypatch.setattr(transport, "MAX_WAIT_SECONDS", 1.0)
    script = Script(Reply(b"", 503, (("Retry-After", "1"),)))
    with scripted(script) as url, pytest.raises(UnavailableError, match=r"503 \(2 tries\)"):
        send(url, deadline=QUICK)
    assert len(script.asked) == 2


def test_what_other_requests_are_told_to_wait_counts_too(monkeypatch):
    """A request waits for its next try no longer than its own deadline allows."""
    monkeypatch.setattr(transport, "MAX_WAIT_SECONDS", 5.0)
    script = Script(Reply(b"", 500))
    sender = Transport(deadline=QUICK)

    def fail(asked: dict[str, str]) -> Reply:
        sender._pace.hold(60)  # another request was told so
        return script(asked)

    with (
        scripted(fail) as url,
        closing(sender),
        pytest.raises(UnavailableError, match=r"500 \(once\)"),
    ):
        sender.send(url, PARAMETERS)
    assert len(script.asked) == 1


# Cookies, other addresses


def test_a_cookie_is_not_sent_back(method):
    """Nobody needs to be known from one request to the next."""
    requests: list[bytes] = []

    def talk(connection: socket.socket) -> None:
        connection.sendall(
            b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\nConnection: close\r\n"
            b"Set-Cookie: session=1; Path=/\r\nSet-Cookie: who=you; Domain=127.0.0.1\r\n\r\nfine"
        )

    with (
        raw_server(talk, requests=requests) as (url, _),
        closing(Transport(method=method)) as sender,
    ):
        for _ in range(3):
            assert sender.send(url, PARAMETERS).body == b"fine"
    assert len(requests) == 3
    assert not any(b"cookie" in request.lower() for request in requests)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_refused(status, method):
    """Credentials go to the configured address and nowhere else."""
    elsewhere = Script(OK)
    with scripted(elsewhere) as other:
        here = Script(Reply(b"", status, (("Location", other),)))
        with scripted(here) as url, pytest.raises(AccountError, match="base_url"):
            send(url, method=method)
    assert (len(here.asked), elsewhere.asked) == (1, [])


def test_proxies_and_netrc_are_not_looked_at(monkeypatch, tmp_path):
    """The environment doesn't turn a request another way."""
    (tmp_path / ".netrc").write_text("machine 127.0.0.1 login other password other\n")
    monkeypatch.setenv("NETRC", str(tmp_path / ".netrc"))
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{closed_port()}")
    with scripted(Script(OK)) as url:
        assert send(url).body == b"fine"


def test_no_connection_ends_the_account():
    """Nobody listens: the message names the address and the remedy."""
    port = closed_port()
    with pytest.raises(
        AccountError, match=rf"http://127\.0\.0\.1:{port}: no connection.*base_url"
    ):
        send(f"http://127.0.0.1:{port}/")


def test_an_unknown_host_ends_the_account(monkeypatch):
    """A name that nobody knows is a matter of the configuration or the network."""

    def unknown(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    with pytest.raises(AccountError, match="name can't be resolved"):
        send("https://linktrack.invalid/api/")


def test_a_host_that_comes_back_is_no_failure(monkeypatch):
    """One refused connection isn't the end: it is tried again."""
    real = connection.create_connection
    failures = iter([OSError("unreachable")])

    def flaky(*args, **kwargs):
        for failure in failures:
            raise failure
        return real(*args, **kwargs)

    monkeypatch.setattr(connection, "create_connection", flaky)
    with scripted(Script(OK)) as url:
        assert send(url).body == b"fine"
    assert next(failures, None) is None


def test_a_plain_server_behind_https_ends_the_account():
    """TLS that fails is never tried without."""
    script = Script(OK)
    with scripted(script) as url, pytest.raises(AccountError, match="TLS"):
        send(url.replace("http:", "https:"))
    assert script.asked == []


def test_a_server_that_hangs_up_on_tls_may_speak_plain_http():
    """It may also be the line: so it is tried again, and then told with what may be wrong."""
    with raw_server(lambda _: None) as (url, _), pytest.raises(UnavailableError) as raised:
        send(url.replace("http:", "https:"))
    assert "broke within TLS; if it does so each time, check whether https://" in str(raised.value)


@pytest.mark.parametrize(
    "url", ["http://[::1/", "ftp://linktrack.info/", "http:///x", "http://%zz/"]
)
def test_an_address_that_is_none_is_an_error_of_ours(url, method):
    """Whatever passes for an address, an error says so without the request."""
    with pytest.raises((SourceError, ValueError)) as raised:
        send(url, method=method)
    assert ENCODED not in str(raised.value)


# Deadlines and stops

HEADERS = b"HTTP/1.1 200 OK\r\nX-Filler: "
BODY = b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
ENDLESS = b"HTTP/1.1 200 OK\r\n\r\n"


@pytest.mark.parametrize(
    ("beginning", "dripped"),
    [(b"", b"HTTP/1.1 200 OK"), (HEADERS, b"x"), (BODY, b"x"), (CHUNKED, b"1\r\nx\r\n"),
     (ENDLESS, b"x"), (HEADERS + b"x\r\n", b"A: b\r\n")],
    ids=["status", "headers", "body", "chunks", "no length", "many headers"],
)  # fmt: skip
def test_an_answer_that_drips_is_ended(beginning, dripped):
    """The deadline is for the whole answer: bytes now and then don't lengthen it."""

    def talk(connection: socket.socket) -> None:
        connection.sendall(beginning)
        drip(dripped, 0.02)(connection)

    begun = time.monotonic()
    with raw_server(talk) as (url, arrivals):
        with pytest.raises(UnavailableError, match=r"no whole answer within 0\.3 seconds"):
            send(url, deadline=QUICK)
        assert TRIES * 0.3 <= time.monotonic() - begun < TRIES * 0.3 + 1.5
    assert len(arrivals) == TRIES


def test_silence_is_ended():
    """A service that takes the request and says nothing is left after the deadline."""
    begun = time.monotonic()
    with (
        raw_server(lambda connection: connection.recv(1) and None) as (url, _),
        pytest.raises(UnavailableError),
    ):
        send(url, deadline=QUICK, method="get")
    assert time.monotonic() - begun < TRIES * 0.3 + 1.5


def test_a_deadline_is_for_each_answer_anew():
    """One connection may serve for longer than one answer may take."""
    with scripted(Script(OK)) as url, closing(Transport(deadline=QUICK)) as sender:
        begun = time.monotonic()
        while time.monotonic() - begun < 0.5:
            assert sender.send(url, PARAMETERS).body == b"fine"


def test_a_deadline_holds_on_a_connection_that_is_used_again():
    """One that has served well may drip the next time."""
    sent = 0

    def talk(connection: socket.socket) -> None:
        nonlocal sent
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nfine")
        if len(arrivals) == 1 and read_request(connection):
            connection.sendall(BODY)
            for _ in range(100):
                time.sleep(0.05)
                connection.sendall(b"x")
                sent += 1

    with raw_server(talk) as (url, arrivals), closing(Transport(deadline=QUICK)) as sender:
        assert sender.send(url, PARAMETERS).body == b"fine"
        assert sender.send(url, PARAMETERS).body == b"fine"
    assert len(arrivals) == 2
    assert 0 < sent < 50


@pytest.mark.parametrize("beginning", [b"", HEADERS, BODY, ENDLESS + b"<response/>"])
def test_a_stop_ends_what_waits(beginning):
    """Whoever waits for an answer gets an error at once, and nobody asks again."""
    waiting = threading.Event()
    errors: list[Exception] = []

    def talk(connection: socket.socket) -> None:
        connection.sendall(beginning)
        waiting.set()
        connection.recv(1)

    def fetch() -> None:
        try:
            sender.send(url, PARAMETERS)
        except SourceError as error:
            errors.append(error)

    sender = Transport(method="get")
    with raw_server(talk) as (url, arrivals):
        thread = threading.Thread(target=fetch)
        thread.start()
        assert waiting.wait(5)
        begun = time.monotonic()
        sender.close()
        thread.join(5)
        assert time.monotonic() - begun < 1
    assert [type(error) for error in errors] == [AccountError]
    assert "stopped" in str(errors[0])
    assert len(arrivals) == 1


@pytest.mark.parametrize("seconds", ["20", "90"])
def test_a_stop_ends_a_pause(seconds):
    """Nor does anyone sit out what the service asked for."""
    script = Script(Reply(b"", 503, (("Retry-After", seconds),)))
    sender = Transport()
    with scripted(script) as url:
        timer = threading.Timer(0.2, sender.close)
        timer.start()
        begun = time.monotonic()
        with pytest.raises(AccountError, match="stopped"):
            sender.send(url, PARAMETERS)
        timer.join()
    assert time.monotonic() - begun < 2
    assert len(script.asked) == 1


def test_after_a_stop_nothing_is_sent():
    """A stopped transport asks nobody."""
    script = Script(OK)
    sender = Transport()
    sender.close()
    sender.close()
    with scripted(script) as url, pytest.raises(AccountError, match="stopped"):
        sender.send(url, PARAMETERS)
    assert script.asked == []


# Pace


def test_requests_keep_their_pace():
    """From however many threads, and with retries, no more requests a second than allowed."""
    arrivals: list[float] = []

    def script(_: dict[str, str]) -> Reply:
        arrivals.append(time.monotonic())
        return Reply(b"", 500) if len(arrivals) in (3, 6) else OK

    with scripted(script) as url, closing(Transport(requests_per_second=25)) as sender:
        threads = [
            threading.Thread(target=lambda: [sender.send(url, PARAMETERS) for _ in range(3)])
            for _ in range(4)
        ]
        begun = time.monotonic()
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert len(arrivals) >= 12
    for number, arrival in enumerate(sorted(arrivals)):
        assert arrival - begun >= number / 25 - 0.01


def test_no_pace_is_no_pause():
    """With 0 there is no limit."""
    with scripted(Script(OK)) as url, closing(Transport(requests_per_second=0)) as sender:
        begun = time.monotonic()
        for _ in range(20):
            sender.send(url, PARAMETERS)
    assert time.monotonic() - begun < 2


# In flight


@pytest.mark.parametrize("concurrency", [1, 3])
def test_no_more_requests_in_flight_than_allowed(concurrency):
    """From however many threads, and with retries; and as many as allowed."""
    counter = InFlight()
    sender = Transport(concurrency=concurrency)
    with scripted(counter) as url, closing(sender), ThreadPoolExecutor(12) as pool:
        list(pool.map(lambda _: sender.send(url, PARAMETERS), range(24)))
    assert counter.most == concurrency
    assert counter.asked > 24


class InFlight:
    """Counts how many requests are being answered at once; now and then it fails."""

    def __init__(self) -> None:
        self.asked = self.now = self.most = 0
        self._lock = threading.Lock()

    def __call__(self, _: dict[str, str]) -> Reply:
        with self._lock:
            self.asked += 1
            self.now += 1
            self.most = max(self.most, self.now)
            fails = self.asked % 7 == 0
        time.sleep(0.02)
        with self._lock:
            self.now -= 1
        return Reply(b"", 500) if fails else OK


def test_connections_are_used_again_whatever_thread_sends():
    """There are no more of them than requests at once, and none lies idle for a thread's sake."""
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nfine"

    def talk(connection: socket.socket) -> None:
        connection.sendall(answer)
        while read_request(connection):
            connection.sendall(answer)

    with raw_server(talk) as (url, arrivals), closing(Transport(concurrency=2)) as sender:
        for _ in range(6):
            thread = threading.Thread(target=sender.send, args=(url, PARAMETERS))
            thread.start()
            thread.join()
    assert len(arrivals) == 1


def test_a_stop_ends_those_that_wait_to_be_sent():
    """They have sent nothing yet, and don't any more."""
    arrived = threading.Event()
    errors: list[Exception] = []

    def talk(connection: socket.socket) -> None:
        arrived.set()
        connection.recv(1)

    def fetch() -> None:
        try:
            sender.send(url, PARAMETERS)
        except SourceError as error:
            errors.append(error)

    sender = Transport(method="get", concurrency=1)
    with raw_server(talk) as (url, arrivals):
        threads = [threading.Thread(target=fetch) for _ in range(4)]
        for thread in threads:
            thread.start()
        assert arrived.wait(5)
        begun = time.monotonic()
        sender.close()
        for thread in threads:
            thread.join(5)
        assert time.monotonic() - begun < 1
    assert [type(error) for error in errors] == [AccountError] * 4
    assert len(arrivals) == 1


def test_what_the_service_asks_to_wait_is_heeded_by_who_waits_to_be_sent():
    """A request whose turn comes after the answer isn't sent before the time is over."""
    arrivals: list[float] = []

    def script(_: dict[str, str]) -> Reply:
        arrivals.append(time.monotonic())
        time.sleep(0.2)
        return OK if len(arrivals) > 1 else Reply(b"", 503, (("Retry-After", "1"),))

    sender = Transport(concurrency=1)
    with scripted(script) as url, closing(sender), ThreadPoolExecutor(3) as pool:
        list(pool.map(lambda _: sender.send(url, PARAMETERS), range(3)))
    assert len(arrivals) == 4
    assert min(arrivals[1:]) - arrivals[0] >= 1.2


# Secrets


def silent(connection: socket.socket) -> None:
    with suppress(OSError):
        connection.recv(1)


FAILURES: dict[str, Callable[[socket.socket], None] | None] = {
    "nobody listens": None,
    "dropped": lambda _: None,
    "silent": silent,
    "server error": lambda c: c.sendall(b"HTTP/1.1 500 Oh\r\nContent-Length: 0\r\n\r\n"),
    "redirect": lambda c: c.sendall(
        b"HTTP/1.1 302 Found\r\nLocation: /x?pass=" + ENCODED.encode() + b"\r\n\r\n"
    ),
    "wait": lambda c: c.sendall(b"HTTP/1.1 429 Slow\r\nRetry-After: 99\r\n\r\n"),
    "short": lambda c: c.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nx"),
    "too large": lambda c: c.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nxxxxxxxxx"),
    "not HTTP": lambda c: c.sendall(b"x\r\n\r\n"),
}


@pytest.mark.parametrize("failure", FAILURES)
def test_no_error_tells_what_was_sent(failure, monkeypatch, caplog, method):
    """Neither a message nor a traceback nor a log line holds a password or a query."""
    monkeypatch.setattr(bodies, "MAX_BODY_BYTES", 5)
    caplog.set_level("WARNING")
    talk = FAILURES[failure]
    with raw_server(talk or silent) as (url, _):
        address = url if talk else f"http://127.0.0.1:{closed_port()}/"
        with pytest.raises(SourceError) as raised:
            send(address, deadline=timedelta(seconds=0.1), method=method)
    told = "".join(traceback.format_exception(raised.value)) + repr(raised.value) + caplog.text
    for secret in (PASSWORD, ENCODED, "?login", "acme-api", "2026-11-19"):
        assert secret not in told


def test_a_session_that_cannot_be_opened_is_nobody_s_loss(monkeypatch) -> None:
    """Its place is free again: the next one who needs it doesn't wait for ever."""
    transport = Transport()

    def fail() -> None:
        raise MemoryError

    with monkeypatch.context() as patched:
        patched.setattr(transport, "_open_session", fail)
        for _ in range(2):
            with pytest.raises(MemoryError):
                transport.send("http://127.0.0.1:9/", {})
