"""`make-link`: whatever happens on the way, a link that was made isn't lost without a word."""

import json
import signal
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from threading import Event

import pytest
from e2e.processes import TIMEOUT_SECONDS
from support.archive import TestArchive
from support.links import exported, linkbee
from support.scripted import Reply, scripted

from refserver.app import create_app
from refserver.proxy import proxying
from refserver.serving import running

URL = "https://example.com/sale"
MADE = "http://127.0.0.1/.13jgu"


class Holding:
    """A service that makes a link, and holds up what a test says."""

    def __init__(self, held: str) -> None:
        self._held = held  # a parameter that a request that is held up has
        self.reached, self.gate = Event(), Event()

    @contextmanager
    def serving(self) -> Iterator[str]:
        with scripted(self._answer) as address:
            try:
                yield address
            finally:
                self.gate.set()

    def _answer(self, asked: dict[str, str]) -> Reply:
        if self._held in asked:
            self.reached.set()
            self.gate.wait(TIMEOUT_SECONDS)
        if "task" in asked:
            return Reply(json.dumps({"error": 0, "msg": "", "shorten": MADE}).encode())
        return Reply(MADE.encode())


def asked_links(archive: TestArchive) -> list[str]:
    """Of which the next run says that they may have been made."""
    with closing(sqlite3.connect(archive.directory / "archive.db")) as database:
        return [url for (url,) in database.execute("SELECT destination FROM asked_links")]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("service", ["linktrack", "linkbee"])
def test_ended_before_the_answer(link_archiver, number, service) -> None:
    """That a link may exist is said, with where it leads to; even where little is to be said."""
    holding = Holding("external_url" if service == "linktrack" else "task")
    with holding.serving() as address:
        if service == "linktrack":
            archive = TestArchive(link_archiver.folder, address)
        else:
            archive = linkbee(link_archiver.folder, address, [])
        making = link_archiver.start("-q", "make-link", "--account", "acme", URL)
        assert holding.reached.wait(TIMEOUT_SECONDS)
        making.send_signal(number)
        told = link_archiver.end(making)
    assert (told.code, told.out) == (128 + number, "")
    assert told.err.splitlines()[0] == (
        f"link-archiver: ended before the service answered: a link to {URL} may have been made, "
        "and isn't kept here. Look at the service before you make it again"
    )
    assert not asked_links(archive)


@pytest.mark.parametrize("service", ["linktrack", "linkbee"])
def test_killed_before_the_answer(link_archiver, service) -> None:
    """Linkbee lists no links: without a word, nobody would know of one that it has made."""
    holding = Holding("external_url" if service == "linktrack" else "task")
    with holding.serving() as address:
        if service == "linktrack":
            TestArchive(link_archiver.folder, address)
        else:
            linkbee(link_archiver.folder, address, [])
        making = link_archiver.start("make-link", "--account", "acme", URL)
        assert holding.reached.wait(TIMEOUT_SECONDS)
        making.send_signal(signal.SIGKILL)
        link_archiver.end(making)
    told = link_archiver("run", code=3).err
    assert "`make-link` was killed at 20" in told
    assert f"a link to {URL} may have been made, and isn't kept here" in told
    assert "may have been made" not in link_archiver("run", code=3).err


def test_ended_after_the_answer(link_archiver) -> None:
    """What was made is kept and printed, though whether it is listed isn't known any more."""
    holding = Holding("sort")
    with holding.serving() as address:
        archive = TestArchive(link_archiver.folder, address)
        making = link_archiver.start("make-link", "--account", "acme", URL)
        assert holding.reached.wait(TIMEOUT_SECONDS)
        making.send_signal(signal.SIGTERM)
        told = link_archiver.end(making)
    assert (told.code, told.out) == (143, f"{MADE}\n")
    assert "may have been made" not in told.err
    assert [each["link"] for each in exported(archive, "links")] == [MADE]
    assert not asked_links(archive)


def test_a_link_that_cannot_be_printed_is_named(link_archiver) -> None:
    """On stderr, and that it is kept: made again, it would be two."""
    to_a_full_disk = ["sh", "-c", 'exec "$@" >/dev/full', "sh"]
    with scripted(lambda _: Reply(MADE.encode())) as address:
        archive = TestArchive(link_archiver.folder, address)
        told = link_archiver("make-link", "--account", "acme", URL, code=3, before=to_a_full_disk)
    assert told.err.startswith(
        f"link-archiver: made {MADE}, and kept it (`export links`), but can't write to stdout: "
    )
    assert [each["link"] for each in exported(archive, "links")] == [MADE]


@pytest.mark.parametrize(
    ("arguments", "what"),
    [(["http://e.example/\udcff"], "the URL"), (["--title", "\udce4", URL], "--title")],
)
def test_what_is_no_text_is_not_sent(link_archiver, arguments, what) -> None:
    """Bytes of the command line that no request can hold: exit 2 before anything is made."""
    with scripted(lambda _: pytest.fail("asked")) as address:
        archive = TestArchive(link_archiver.folder, address)
        told = link_archiver("make-link", "--account", "acme", *arguments, code=2)
    assert told.err == f"link-archiver: account acme: {what} isn't UTF-8 text\n"
    assert not archive.directory.exists()


@pytest.mark.parametrize("name", ["linktrack", "linkbee"])
def test_an_answer_that_is_cut_is_no_link(link_archiver, busy_service, name) -> None:
    """Half of the answer, under a length that agrees with it: a link may have been made."""
    with running(create_app(busy_service.database)) as upstream, proxying(upstream) as proxy:
        if name == "linktrack":
            archive = TestArchive(link_archiver.folder, f"{proxy.url}/api/v1_0/")
        else:
            archive = linkbee(link_archiver.folder, proxy.url, [])
        proxy.fail("cut-short")
        told = link_archiver("make-link", "--account", "acme", URL, code=3)
    assert told.out == ""
    assert "he link may have been made" in told.err
    assert "before you make it again" in told.err
    assert exported(archive, "links") == []
    assert not asked_links(archive)


def test_half_a_link_that_looks_like_one_is_found_out(link_archiver) -> None:
    """By the service's list of its newest links, which has the whole one."""

    def script(asked: dict[str, str]) -> Reply:
        if "external_url" in asked:
            return Reply(b"http://127.0.0.1/.1")
        listed = [
            {"id": "51", "link": "http://127.0.0.1/.1f", "external_url": URL, "clicks": "0"},
            {"id": "1", "link": "http://127.0.0.1/.1", "external_url": "https://other.example/"},
        ]
        return Reply(json.dumps({"error": 0, "total": 2, "links": listed}).encode())

    with scripted(script) as address:
        archive = TestArchive(link_archiver.folder, address, format="json")
        told = link_archiver("make-link", "--account", "acme", URL)
    assert told.out == "http://127.0.0.1/.1f\n"
    [link] = exported(archive, "links")
    assert (link["id"], link["link"]) == ("51", "http://127.0.0.1/.1f")


def _make_listed(link_archiver, url: str, destination: str | None, code: int = 0):
    """Make a link at a service that lists it with this destination."""
    listed = [{"id": "1", "link": MADE, "external_url": destination}]
    page = json.dumps({"error": 0, "total": 1, "links": listed}).encode()
    with scripted(lambda asked: Reply(MADE.encode() if "external_url" in asked else page)) as at:
        archive = TestArchive(link_archiver.folder, at, format="json")
        told = link_archiver("make-link", "--account", "acme", url, code=code)
    return told, exported(archive, "links")


def test_somebody_else_s_link_is_not_taken_for_ours(link_archiver) -> None:
    """What the service lists with another destination isn't the link that was to be made."""
    told, links = _make_listed(link_archiver, URL, "https://other.example/", code=3)
    assert told.out == ""
    assert f"the service's answer is {MADE}, which it lists with another destination" in told.err
    assert "before you make it again" in told.err
    assert links == []


@pytest.mark.parametrize(
    ("asked", "listed"),
    [
        ("https://example.com", "https://example.com/"),
        ("HTTPS://Example.COM/a b", "https://example.com/a%20b"),
        ("https://bücher.example/ü", "https://xn--bcher-kva.example/%C3%BC"),
        ("https://example.com/", None),
    ],
)
def test_a_destination_may_be_written_otherwise(link_archiver, asked, listed) -> None:
    """As services write addresses: it is the same one."""
    told, [link] = _make_listed(link_archiver, asked, listed)
    assert told.out == f"{MADE}\n"
    assert link["link"] == MADE


@pytest.mark.parametrize(
    "said", ["http://127.0.0.1/.\ufffd", "http://127.", "http://[::1", "http://h/."]
)
def test_what_is_no_whole_link(link_archiver, said) -> None:
    """It has a host, and a path with something in it, and nothing that can't be read."""
    with scripted(lambda _: Reply(said.encode())) as address:
        archive = TestArchive(link_archiver.folder, address)
        told = link_archiver("make-link", "--account", "acme", URL, code=3)
    assert "the service's answer is no whole link (HTTP 200)" in told.err
    assert exported(archive, "links") == []


@pytest.mark.parametrize("echo", ["x" * 280 + " {}", "bad: {}", "{}"])
def test_the_visitors_password_is_not_told(link_archiver, echo) -> None:
    """A service that repeats it gives nothing away, not even its beginning."""
    link_archiver.environ["VISITORS"] = "open-sesame-and-more"

    def script(asked: dict[str, str]) -> Reply:
        return Reply(f"Error: {echo.format(asked['password'])}".encode(), status=400)

    with scripted(script) as address:
        TestArchive(link_archiver.folder, address)
        told = link_archiver(
            "make-link", "--account", "acme", "--password-env", "VISITORS", URL, code=3
        )
    assert "words that are left out" in told.err
    assert "open" not in told.err


def test_totals_that_were_read_stay_when_a_run_is_ended(link_archiver) -> None:
    """Each of Linkbee's links costs a request: little of that is lost."""
    reached, gate = Event(), Event()

    def script(asked: dict[str, str]) -> Reply:
        if asked.get("link") == "link50":
            reached.set()
            gate.wait(TIMEOUT_SECONDS)
        return Reply(b'{"error":0,"msg":"","hits":"4"}')

    with scripted(script) as address:
        links = [f"link{number}" for number in range(200)]
        archive = linkbee(link_archiver.folder, address, links)
        run = link_archiver.start("run")
        assert reached.wait(TIMEOUT_SECONDS)
        run.send_signal(signal.SIGTERM)
        assert link_archiver.end(run).code == 143
        gate.set()
    kept = [each["link"] for each in exported(archive, "totals")]
    assert kept[0] is None
    assert len(kept) == 40
