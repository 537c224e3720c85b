"""A ping over real HTTP: where it goes, what it says, and what may go wrong with it."""

import socket
import threading
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import parse_qsl, urlsplit
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.clicks import unhurried
from support.scripted import Reply, Request, answering

from archiver.errors import ConfigError
from archiver.redaction import Redactor
from jobs import pings
from jobs.pings import MAX_TEXT_BYTES, Patience, Ping, address_of, read_ping, secrets_of

RUN = UUID("123e4567-e89b-12d3-a456-426614174000")
KEY = "5bf66975-d4c7-4bf5-bcc8-b8d8a82ea278"
QUICK = Patience(seconds=1, tries=3, try_seconds=0.3)


@pytest.fixture(autouse=True)
def _short_pauses(monkeypatch):
    monkeypatch.setattr(pings, "_BACKOFF_SECONDS", 0.01)


class Pinged:
    """A server of pings: it keeps what it was asked, and answers with replies, then with OK."""

    def __init__(self, *replies: Reply) -> None:
        self.replies = list(replies)
        self.asked: list[Request] = []

    def __call__(self, request: Request) -> Reply:
        self.asked.append(request)
        return self.replies.pop(0) if self.replies else Reply(b"OK")


@contextmanager
def silent(*, drips: bool) -> Iterator[str]:
    """A server that takes connections and answers a byte at a time, or nothing."""
    gone = threading.Event()

    def serve(connection: socket.socket) -> None:
        with connection:
            while not gone.is_set() and drips:
                try:
                    connection.sendall(b"H")
                except OSError:
                    return
                gone.wait(0.05)
            gone.wait(10)

    def accept() -> None:
        while not gone.is_set():
            try:
                connection, _ = listener.accept()
            except OSError:
                continue
            threads.append(threading.Thread(target=serve, args=(connection,)))
            threads[-1].start()

    threads: list[threading.Thread] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(0.05)
        acceptor = threading.Thread(target=accept)
        acceptor.start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}/{KEY}"
        finally:
            gone.set()
            acceptor.join()
            for thread in threads:
                thread.join()


# Where it goes


@pytest.mark.parametrize(
    ("url", "signal", "address"),
    [
        ("https://hc-ping.com/KEY", "success", "https://hc-ping.com/KEY?rid=RID"),
        ("https://hc-ping.com/KEY", "start", "https://hc-ping.com/KEY/start?rid=RID"),
        ("https://hc-ping.com/KEY/", "fail", "https://hc-ping.com/KEY/fail?rid=RID"),
        ("https://hc-ping.com/KEY/", "success", "https://hc-ping.com/KEY/?rid=RID"),
        ("http://h:8000/K/s?create=1", "start", "http://h:8000/K/s/start?create=1&rid=RID"),
        ("http://h/K/s/?create=1#x", "success", "http://h/K/s/?create=1&rid=RID"),
        ("https://h", "fail", "https://h/fail?rid=RID"),
        ("https://hc-ping.com/KEY", "log", "https://hc-ping.com/KEY/log?rid=RID"),
        ("https://u:p@[::1]:8/K", "start", "https://u:p@[::1]:8/K/start?rid=RID"),
    ],
)
def test_the_address_of_a_signal(url, signal, address):
    """The signal goes into the path and the run's id into the query, whatever is there already."""
    assert address_of(url, signal, RUN) == address.replace("RID", str(RUN))


parts = st.text("abcXYZ019-_.~%20+", min_size=1, max_size=8)


@unhurried
@given(
    path=st.lists(parts, max_size=3),
    query=st.lists(st.tuples(parts, parts), max_size=3),
    slash=st.booleans(),
    signal=st.sampled_from(["start", "success", "fail"]),
)
def test_nothing_of_an_address_is_lost(path, query, slash, signal):
    """Host, path and query stay as they were given; one signal and one `rid` come to them."""
    given_query = "&".join(f"{key}={value}" for key, value in query)
    url = f"https://host.example/{'/'.join(path)}{'/' * slash}{'?' * bool(query)}{given_query}"
    address = urlsplit(address_of(url, signal, RUN))
    assert address.hostname == "host.example"
    before = urlsplit(url).path
    after = {"success": before}.get(signal, f"{before.rstrip('/')}/{signal}")
    assert address.path == after
    assert parse_qsl(address.query) == [*parse_qsl(given_query), ("rid", str(RUN))]


# What is sent


def test_a_run_that_goes_well_or_fails():
    """Its beginning, success and failure go to three addresses by POST, with its id."""
    run = uuid4()
    with answering(pinged := Pinged()) as origin:
        ping = Ping(f"{origin}/{KEY}")
        assert ping.send("start", run) is None
        assert ping.send("success", run, "well") is None
        assert ping.send("fail", run, "ünwell\n💥") is None
    assert pinged.asked == [
        Request("POST", f"/{KEY}/start?rid={run}", b""),
        Request("POST", f"/{KEY}?rid={run}", b"well"),
        Request("POST", f"/{KEY}/fail?rid={run}", "ünwell\n💥".encode()),
    ]


@pytest.mark.parametrize("text", ["x" * 30_000, "é" * 30_000, "x" + "💥" * 9_000, "\ud800" * 9])
def test_a_text_is_cut_between_characters(text):
    """It has 10,000 bytes at most, which are UTF-8 whatever was given."""
    with answering(pinged := Pinged()) as origin:
        assert Ping(origin).send("fail", RUN, text) is None
    [request] = pinged.asked
    body = request.body.decode("utf-8")
    assert MAX_TEXT_BYTES - 4 < len(request.body) <= MAX_TEXT_BYTES or len(text) < 10
    assert text.encode("utf-8", "replace").decode().startswith(body)


# What may go wrong


@pytest.mark.parametrize("status", [500, 503, 429, 408])
def test_a_server_error_is_tried_again(status):
    """What may pass is tried again: the ping is taken, and nothing is told."""
    with answering(pinged := Pinged(Reply(b"", status), Reply(b"", status))) as origin:
        assert Ping(origin).send("start", RUN) is None
    assert len(pinged.asked) == 3


@pytest.mark.parametrize(
    ("reply", "tries", "reason"),
    [
        (Reply(b"oops", 500), 3, "HTTP 500"),
        (Reply(b"not found", 404), 1, "HTTP 404"),
        (Reply(b"ambiguous slug", 409), 1, "HTTP 409"),
        (Reply(b"OK (not found)"), 1, "there is no check at this address"),
        (Reply(b"OK (rate limited)"), 1, "it takes no more pings for now"),
        (Reply(b"", 200, (("Content-Encoding", "gzip"),)), 1, None),
        (
            Reply(b"garbage", 200, (("Content-Encoding", "gzip"),)),
            3,
            "no connection (DecodeError)",
        ),
    ],
)
def test_what_is_not_taken_is_told(reply, tries, reason):
    """With the reason, after as many tries as may help."""
    with answering(pinged := Pinged(*[reply] * 9)) as origin:
        assert Ping(f"{origin}/{KEY}").send("success", RUN) == reason
    assert len(pinged.asked) == tries


def test_an_answer_of_any_size_is_not_read():
    """A check's answer is a word; megabytes are left where they are."""
    with answering(Pinged(Reply(b"OK " + b"x" * 20_000_000))) as origin:
        assert Ping(origin).send("success", RUN) is None


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_redirect_is_not_followed(status):
    """The address and the summary would go to another host."""
    with answering(elsewhere := Pinged()) as other:
        moved = Reply(b"", status, (("Location", f"{other}/{KEY}"),))
        with answering(pinged := Pinged(moved)) as origin:
            reason = Ping(f"{origin}/{KEY}").send("fail", RUN, "summary")
    assert reason == "it redirects to another address, which isn't followed: set the right one"
    assert (len(pinged.asked), elsewhere.asked) == (1, [])


@pytest.mark.parametrize("drips", [True, False])
def test_a_server_that_hangs_is_left(drips):
    """Whether it says nothing or drips: the deadline is for the ping as a whole."""
    with silent(drips=drips) as url:
        began = time.monotonic()
        reason = Ping(url).send("start", RUN, patience=QUICK)
        assert time.monotonic() - began < 5
    assert reason in {"no answer in time", "no answer within 1 seconds"}


def test_a_name_that_nobody_resolves_is_left(monkeypatch):
    """A resolver that hangs heeds no timeout of ours: the ping ends all the same."""
    released = threading.Event()
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: released.wait(30) and [])
    try:
        reason = Ping("http://hc.example/x").send("start", RUN, patience=QUICK)
    finally:
        released.set()
    assert reason == "no answer within 1 seconds"


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:1/" + KEY, "http://no-such-host.invalid/" + KEY]
)
def test_nobody_there(url):
    """A closed port or a name that isn't one: told without the address or the host."""
    reason = Ping(url).send("fail", RUN, patience=QUICK)
    assert reason == "no connection (ConnectionError)"


def test_a_server_without_tls():
    """https:// to a port that speaks none isn't tried again in clear."""
    with answering(pinged := Pinged()) as origin:
        reason = Ping(origin.replace("http:", "https:")).send("start", RUN)
    assert (reason, pinged.asked) == ("no TLS connection that can be trusted", [])


def test_a_defect_tells_no_address(monkeypatch, capfd):
    """Whatever is raised where a ping is sent, neither its text nor a traceback comes out."""

    def fail(*_: object, **__: object) -> None:
        raise ZeroDivisionError(f"at {KEY}")

    monkeypatch.setattr(pings.requests.Session, "post", fail)
    assert Ping(f"http://h/{KEY}").send("fail", RUN) == "no connection (ZeroDivisionError)"
    assert capfd.readouterr() == ("", "")


def test_a_machine_without_threads(monkeypatch):
    """No thread can be started: that is a ping that failed, not an error."""

    def start(_: object) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", start)
    assert "no thread" in (Ping("http://h/").send("start", RUN) or "")


def test_proxies_of_the_environment_are_not_used(monkeypatch):
    """The address isn't sent to whatever the environment names."""
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    monkeypatch.setenv("no_proxy", "")
    with answering(Pinged()) as origin:
        assert Ping(origin).send("start", RUN) is None


# The address


@pytest.mark.parametrize("value", [None, "", "  "])
def test_a_variable_that_is_not_set(value):
    """It is an error of the configuration, with the key and the variable."""
    environ = {} if value is None else {"HEALTHCHECK_URL": value}
    with pytest.raises(ConfigError) as error:
        read_ping("HEALTHCHECK_URL", environ)
    assert str(error.value) == (
        "notify.healthcheck_url_env: the environment variable HEALTHCHECK_URL isn't set, or is "
        "empty. Set it to the address to ping"
    )


@pytest.mark.parametrize(
    "value",
    [
        KEY,
        f"hc-ping.com/{KEY}",
        f"ftp://hc-ping.com/{KEY}",
        f"https:///{KEY}",
        f"https://h:99999/{KEY}",
        f"https://h:x/{KEY}",
        f"https://[::1/{KEY}",
        f"https://h/{KEY} and more",
        f"https://h/{KEY}\nhttps://h/",
        f"https://hé/{KEY}",
    ],
)
def test_a_variable_that_holds_no_address(value):
    """It is an error of the configuration that doesn't show what the variable holds."""
    with pytest.raises(ConfigError) as error:
        read_ping("HEALTHCHECK_URL", {"HEALTHCHECK_URL": value})
    text = "".join(traceback.format_exception(error.value))
    assert "holds no address that begins with https:// or http://" in text
    assert KEY not in text


def test_white_space_about_an_address_is_none_of_it():
    """A file that a shell read, or an editor's newline."""
    assert read_ping("V", {"V": " https://hc-ping.com/x\n"}) == Ping("https://hc-ping.com/x")


@pytest.mark.parametrize(
    ("url", "secrets"),
    [
        (f"https://hc-ping.com/{KEY}", {f"/{KEY}", KEY}),
        (
            "https://hc-ping.com/fqOOd6-F4MMNuCEnzTU01w/link-archiver?create=1",
            {"/fqOOd6-F4MMNuCEnzTU01w/link-archiver?create=1", "fqOOd6-F4MMNuCEnzTU01w"},
        ),
        ("https://me:hunter2@h.example/x?token=0123456789abcdef", {"hunter2", "0123456789abcdef"}),
        (f"https://healthchecks-01.internal.example/ping/{KEY}", {KEY}),
    ],
)
def test_what_of_an_address_is_secret(url, secrets):
    """The address, its path, and each part that is a key; a check's name is a word like others."""
    found = set(secrets_of(Ping(url)))
    assert found >= {url, *secrets}
    message = "link-archiver: the archive at healthchecks-01.internal.example says create=1 to x"
    redactor = Redactor(found)
    assert redactor.redact(message) == message
    for leak in (url, f"POST {urlsplit(url).path}/start?rid=1", address_of(url, "fail", RUN)):
        assert not any(secret in redactor.redact(leak) for secret in secrets)
