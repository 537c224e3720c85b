import os
import socket
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from uuid import uuid4

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from jobs.systemd import Notifier

SYSTEMD_READS_BYTES = 4096
PID = str(os.getpid())


@pytest.fixture(params=["file", "abstract"])
def heard(request, tmp_path) -> Iterator[tuple[str, socket.socket]]:
    """The other end: what stands in $NOTIFY_SOCKET, and the socket that it names."""
    named = str(tmp_path / "notify") if request.param == "file" else f"@{uuid4()}"
    with closing(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)) as receiver:
        receiver.bind(named.replace("@", "\0"))
        receiver.settimeout(10)
        yield named, receiver


def test_lines_arrive_as_one_message(heard) -> None:
    """Several assignments that belong together are one datagram, whatever the socket's kind."""
    named, receiver = heard
    notifier = Notifier({"NOTIFY_SOCKET": named})
    notifier.send("READY=1", "STATUS=waits until 03:15 — all is archived")
    notifier.send("WATCHDOG=1")
    first, second = receiver.recv(SYSTEMD_READS_BYTES), receiver.recv(SYSTEMD_READS_BYTES)
    assert first.decode() == "READY=1\nSTATUS=waits until 03:15 — all is archived"
    assert second == b"WATCHDOG=1"


@given(st.lists(st.text(), min_size=1, max_size=4))
@example(["STATUS=" + "é" * 3000] * 4)
@example(["STATUS=all is well\nSTOPPING=1", "STATUS=\ud800"])
def test_a_line_stays_one_line_that_systemd_reads(lines: list[str]) -> None:
    """Whatever an error's text holds: no assignment more, UTF-8, and not too long to be heard."""
    named = f"@{uuid4()}"
    with closing(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)) as receiver:
        receiver.bind("\0" + named[1:])
        receiver.settimeout(10)
        Notifier({"NOTIFY_SOCKET": named}).send(*lines)
        message = receiver.recv(10 * SYSTEMD_READS_BYTES)
    assert len(message) <= SYSTEMD_READS_BYTES
    assert len(message.decode().split("\n")) == len(lines)


@pytest.mark.parametrize(
    "environ",
    [
        {},
        {"NOTIFY_SOCKET": ""},
        {"NOTIFY_SOCKET": "/nowhere/notify"},
        {"NOTIFY_SOCKET": "/" + "n" * 300},
        {"NOTIFY_SOCKET": "@"},
        {"NOTIFY_SOCKET": "vsock:2:1234"},
        {"NOTIFY_SOCKET": "relative"},
    ],
)
def test_where_nobody_listens_nothing_happens(environ) -> None:
    """Without systemd, or with a socket that can't be used, the service goes on."""
    Notifier(environ).send("READY=1")


def test_a_listener_that_reads_nothing_holds_nobody_up(heard, monkeypatch) -> None:
    """When systemd is stuck and its queue full, a message is lost after a while."""
    named, _ = heard
    monkeypatch.setattr("jobs.systemd._SEND_SECONDS", 0.01)
    notifier = Notifier({"NOTIFY_SOCKET": named})
    queue = int(Path("/proc/sys/net/unix/max_dgram_qlen").read_text())
    for _ in range(queue + 2):
        notifier.send("WATCHDOG=1")


@pytest.mark.parametrize(
    ("environ", "seconds"),
    [
        ({}, None),
        ({"WATCHDOG_USEC": "90000000"}, 90.0),
        ({"WATCHDOG_USEC": "1500000", "WATCHDOG_PID": PID}, 1.5),
        ({"WATCHDOG_USEC": "90000000", "WATCHDOG_PID": "1"}, None),
        ({"WATCHDOG_USEC": "0"}, None),
        ({"WATCHDOG_USEC": "-5"}, None),
        ({"WATCHDOG_USEC": "soon"}, None),
        ({"WATCHDOG_USEC": ""}, None),
    ],
)
def test_the_watchdog_is_for_the_process_that_it_names(environ, seconds) -> None:
    """Seconds; None where nobody watches, or another process is watched, or it says nonsense."""
    assert Notifier(environ).watchdog_seconds == seconds
