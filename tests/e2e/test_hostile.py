"""A service that does its worst, met by the installed command: what it costs in memory, and stops.

A process is measured as a whole, by the most memory that it ever held.
"""

import gzip
import json
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable

import pytest
from e2e.processes import TIMEOUT_SECONDS, Commands
from support.archive import TestArchive
from support.hostile import GZIP, OK, answer, endless
from support.raw import Talk, raw_server
from support.scripted import Reply, scripted

from archiver.sources.bodies import MAX_BODY_BYTES

MB = 1 << 20
#: What a run may need beside what one needs that archives nothing.
WORST_MB = 200

MEASURED = """
import atexit, pathlib, re

def tell():
    status = pathlib.Path("/proc/self/status").read_text()
    pathlib.Path("peak").write_text(re.search(r"VmHWM:\\s+(\\d+) kB", status)[1])

atexit.register(tell)
from jobs.cli import main
main()
"""


def peak_mb(commands: Commands, *arguments: str) -> int:
    """Run a command that fails for the service's sake; give the most memory it held, in MB."""
    process = subprocess.Popen(
        [sys.executable, "-c", MEASURED, *arguments],
        cwd=commands.folder,
        env=commands.environ,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    ended = commands.end(process)
    assert ended.code == 3, ended
    return int((commands.folder / "peak").read_text()) // 1024


@pytest.fixture(scope="module")
def idle_mb(tmp_path_factory) -> int:
    """What a run needs that is refused by the service at its first request."""
    commands = Commands(tmp_path_factory.mktemp("idle"))
    with scripted(lambda _: Reply(b"Error: no")) as address:
        TestArchive(commands.folder, address, format="json")
        return peak_mb(commands, "run")


def json_of(inside: bytes) -> Talk:
    body = b'{"error": 0, "total": 1, "history": [' + inside + b"]}"
    assert len(body) <= MAX_BODY_BYTES
    return answer(gzip.compress(body, 1), GZIP)


def xml_of(inside: bytes) -> Talk:
    body = (
        b"<response><error>0</error><total>1</total><history>" + inside + b"</history></response>"
    )
    assert len(body) <= MAX_BODY_BYTES
    return answer(gzip.compress(body, 1), GZIP)


WIDE = "\U0001f600".encode()  # with it, each character of a text takes four bytes
ALMOST = MAX_BODY_BYTES - MB

ANSWERS: dict[str, tuple[str, Callable[[], Talk]]] = {
    "much in little": ("json", lambda: answer(gzip.compress(b" " * 256 * MB), GZIP)),
    "no end": ("json", lambda: endless(OK + b"\r\n", b"x" * MB)),
    "one wide text": ("json", lambda: json_of(b'{"id": "' + WIDE + b"x" * ALMOST + b'"}')),
    "wide texts": (
        "json", lambda: json_of(b",".join([b'{"id": "' + WIDE + b"x" * 300 + b'"}'] * 20_000))
    ),
    "many objects": ("json", lambda: json_of(b"{}," * 125_000 + b"{}")),
    "a megabyte of objects": ("json", lambda: json_of(b"{}," * (MB // 3 - 100) + b"{}")),
    "one wide text in XML": (
        "xml", lambda: xml_of(b"<record><id>" + WIDE + b"x" * ALMOST + b"</id></record>")
    ),
    "many elements": ("xml", lambda: xml_of(b"<record/>" * 249_000)),
    "many names": (
        "xml",
        lambda: xml_of(b"<record>%s</record>" % b"".join(b"<a%05x/>" % n for n in range(240_000))),
    ),
    "many lines": (
        "xml", lambda: xml_of(b"<record><id>%s</id></record>" % ("\u0142\n".encode() * 990_000))
    ),
    "a megabyte of depth": ("xml", lambda: xml_of(b"<record><id>" + b"<a>" * (MB // 3 - 100))),
}  # fmt: skip


TELLING = {"much in little", "one wide text", "many names", "many lines"}


@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=[] if name in TELLING else pytest.mark.soak) for name in ANSWERS],
)
def test_no_answer_takes_much_memory(link_archiver, idle_mb, name):
    """Whatever comes, compressed or not: a process of some hundred MB more, and exit 3."""
    form, make = ANSWERS[name]
    with raw_server(make()) as (address, _):
        TestArchive(link_archiver.folder, address, format=form, concurrency=1, settle="0s")
        peak = peak_mb(link_archiver, "backfill", "--from", "2024-05-01", "--to", "2024-05-02")
    assert peak - idle_mb < WORST_MB


def page(asked: dict[str, str], field: str, size: int, total: int | None) -> Reply:
    """A page of clicks that are new, all in the first second that was asked for."""
    offset = int(asked["offset"])
    records = [
        {"id": f"{asked['start']}.{offset + n}", "clicked_at": asked["start"], "title": field}
        for n in range(size)
    ]
    stated = {} if total is None else {"total": total}
    body = json.dumps({"error": 0, "offset": offset, "history": records, **stated}).encode()
    return Reply(gzip.compress(body, 1), 200, (("Content-Encoding", "gzip"),))


#: A page of them has 7 MB, and each character takes four bytes of memory.
_WIDE = "\U0001f600" + "x" * 7_000


@pytest.mark.parametrize(
    ("field", "size", "total", "first"),
    [("x" * 300, 1000, None, None), (_WIDE, 1000, None, None), (_WIDE, 1000, 10**9, None),
     (_WIDE, 1000, 10**9, "x")],
    ids=["clicks", "wide clicks", "wide clicks, stated", "wide clicks after the first page"],
)  # fmt: skip
def test_pages_that_never_end_take_no_more(link_archiver, idle_mb, field, size, total, first):
    """A second that never comes to an end is left before it fills the memory."""

    def answer_with(asked: dict[str, str]) -> Reply:
        return page(asked, first if first and asked["offset"] == "0" else field, size, total)

    with scripted(answer_with) as address:
        TestArchive(
            link_archiver.folder, address, format="json", settle="0s", requests_per_second=0
        )
        peak = peak_mb(
            link_archiver,
            "backfill",
            "--from",
            "2024-05-01T00:00:00",
            "--to",
            "2024-05-01T00:00:01",
        )
    # The first page says nothing of those that are read side by side: three at once are wide.
    assert peak - idle_mb < (WORST_MB if first is None else WORST_MB * 3 / 2)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_a_wait_that_the_service_asked_for(link_archiver, number):
    """A run that was told to wait for longer than a test does ends at once, with 128 + signal."""
    asked = threading.Event()
    waits = answer(b"", "Retry-After: 85", status="429 Too Many Requests")

    def talk(connection: socket.socket) -> None:
        waits(connection)
        asked.set()

    with raw_server(talk) as (address, arrivals):
        TestArchive(link_archiver.folder, address)
        run = link_archiver.start("run")
        assert asked.wait(TIMEOUT_SECONDS)
        time.sleep(0.5)  # until it waits
        run.send_signal(number)
        assert link_archiver.end(run).code == 128 + number
    assert len(arrivals) == 1
