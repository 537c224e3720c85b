"""Certificates that are wrong, and TLS that isn't spoken to its end."""

import socket
import ssl
import time
from contextlib import closing, suppress
from datetime import UTC, datetime, timedelta

import pytest
import trustme
from support.raw import raw_server

from archiver.errors import AccountError, UnavailableError
from archiver.sources import transport
from archiver.sources.transport import Answer, Transport

DAY = timedelta(days=1)
QUICK = timedelta(seconds=0.3)
FINE = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nfine"


@pytest.fixture(autouse=True)
def _short_pauses(monkeypatch) -> None:
    monkeypatch.setattr(transport, "_BACKOFF_SECONDS", 0.01)


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def _trusted(authority, monkeypatch, tmp_path) -> None:
    """Let certificates of the authority be trusted, as those of the real ones are."""
    authority.cert_pem.write_to_path(tmp_path / "authority.pem")
    monkeypatch.setattr(
        "requests.adapters.DEFAULT_CA_BUNDLE_PATH", str(tmp_path / "authority.pem")
    )


def server_with(certificate: trustme.LeafCert) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate.configure_cert(context)
    return context


def fine(connection: socket.socket) -> None:
    connection.sendall(FINE)


def send(url: str, **settings) -> Answer:
    with closing(Transport(**settings)) as sender:
        return sender.send(url, {"pass": "secret"})


@pytest.mark.usefixtures("_trusted")
def test_a_right_certificate_is_taken(authority):
    """Of somebody trusted, for this host, of today: what the tests below lack one by one."""
    with raw_server(fine, server_with(authority.issue_cert("127.0.0.1"))) as (url, _):
        assert send(url).body == b"fine"


@pytest.mark.usefixtures("_trusted")
@pytest.mark.parametrize(
    ("certificate", "reason"),
    [
        (lambda ca: ca.issue_cert("linktrack.info"), "IP address mismatch"),
        (
            lambda ca: ca.issue_cert(
                "127.0.0.1",
                not_before=datetime.now(UTC) - 9 * DAY,
                not_after=datetime.now(UTC) - DAY,
            ),
            "certificate has expired",
        ),
        (
            lambda ca: ca.issue_cert("127.0.0.1", not_before=datetime.now(UTC) + DAY),
            "certificate is not yet valid",
        ),
        (lambda _: trustme.CA().issue_cert("127.0.0.1"), "unable to get local issuer certificate"),
    ],
    ids=["another host", "expired", "not yet valid", "nobody trusted"],
)
def test_a_wrong_certificate_ends_the_account(authority, certificate, reason):
    """The message says which host, what is wrong, that nothing was sent, and what to look at."""
    requests: list[bytes] = []
    context = server_with(certificate(authority))
    with (
        raw_server(fine, context, requests) as (url, _),
        pytest.raises(
            AccountError, match=rf"^https://127\.0\.0\.1:\d+: .*{reason}.*Nothing was sent.*clock"
        ),
    ):
        send(url)
    assert requests == []


def test_whoever_signs_himself_is_not_trusted(authority):
    """Without the authority among the trusted, its own certificate is nobody's."""
    with (
        raw_server(fine, server_with(authority.issue_cert("127.0.0.1"))) as (url, _),
        pytest.raises(AccountError, match="can't be trusted"),
    ):
        send(url)


def test_plain_http_behind_https_is_named():
    """TLS that fails is never tried without."""
    requests: list[bytes] = []
    with raw_server(fine, requests=requests) as (url, _):
        address = url.replace("http:", "https:")
        with pytest.raises(
            AccountError, match=r"^https://.*TLS can't be spoken.*WRONG_VERSION_NUMBER.*https://"
        ):
            send(address)
    assert [request[:1] for request in requests] == [b"\x16"]  # one greeting, and no form


def test_a_handshake_that_drips_is_ended():
    """The deadline is for all of an exchange, and shaking hands is its beginning."""
    sent = 0

    def talk(connection: socket.socket) -> None:
        nonlocal sent
        connection.sendall(b"\x16\x03\x03\x40\x00")  # a greeting of 16 KB follows
        for _ in range(100):
            time.sleep(0.05)
            connection.sendall(b"\x02")
            sent += 1

    with raw_server(talk) as (url, arrivals):
        address = url.replace("http:", "https:")
        with pytest.raises(UnavailableError, match=r"no whole answer within 0\.3 seconds"):
            send(address, deadline=QUICK)
    assert len(arrivals) == 3
    assert sent < 100


def test_a_stop_ends_a_handshake():
    """Nor does anybody sit out one whose other side says nothing."""
    ends: list[bytes] = []

    def talk(connection: socket.socket) -> None:
        sender.close()
        connection.settimeout(5)  # half of what a connection may take
        ends.append(connection.recv(1))

    sender = Transport()
    with raw_server(talk) as (url, arrivals):
        address = url.replace("http:", "https:")
        with pytest.raises(AccountError, match="stopped"):
            sender.send(address, {"pass": "secret"})
    assert len(arrivals) == 1
    assert ends == [b""]


def test_a_handshake_that_breaks_off_is_tried_again():
    """A connection that drops is a connection that drops, and no wrong certificate."""
    with (
        raw_server(lambda _: None) as (url, arrivals),
        pytest.raises(UnavailableError, match="the connection broke"),
    ):
        send(url.replace("http:", "https:"))
    assert len(arrivals) == 3


@pytest.mark.usefixtures("_trusted")
def test_a_tls_answer_that_is_cut_off_is_tried_again(authority):
    """TLS tells no more than TCP does: half an answer is none."""

    def talk(connection: socket.socket) -> None:
        connection.sendall(FINE if len(arrivals) == 3 else FINE[:-1])

    with raw_server(talk, server_with(authority.issue_cert("127.0.0.1"))) as (url, arrivals):
        assert send(url).body == b"fine"
    assert len(arrivals) == 3


@pytest.mark.usefixtures("_trusted")
def test_a_tls_answer_that_drips_is_ended(authority):
    """The deadline reaches through TLS, once it is spoken, as well."""

    def talk(connection: socket.socket) -> None:
        with suppress(OSError):
            for byte in FINE[:-1] * 3:
                connection.sendall(bytes([byte]))
                time.sleep(0.02)

    with (
        raw_server(talk, server_with(authority.issue_cert("127.0.0.1"))) as (url, _),
        pytest.raises(UnavailableError, match=r"no whole answer within 0\.5 seconds"),
    ):
        send(url, deadline=timedelta(seconds=0.5))
