"""Somebody hears of it: pings, metrics and `status --stale`, by the installed command."""

import hashlib
import signal
import sqlite3
import stat
import time
from contextlib import closing
from datetime import timedelta
from urllib.parse import quote

import pytest
from e2e.processes import NOW, watching
from prometheus_client.parser import text_string_to_metric_families
from support.archive import TestArchive
from support.scripted import Reply, Request, answering
from support.service import PASSWORD

NO_HOST = "http://127.0.0.1:1/api/v1_0/"
KEY = "5bf66975-d4c7-4bf5-bcc8-b8d8a82ea278"
NOTIFY = '[notify]\nhealthcheck_url_env = "HC"\nmetrics_file = "m.prom"\n'


class Heard:
    """Pings that came, and how they are answered."""

    def __init__(self) -> None:
        self.requests: list[Request] = []
        self.reply = Reply(b"OK")

    def answer(self, request: Request) -> Reply:
        self.requests.append(request)
        return self.reply

    @property
    def signals(self) -> list[str]:
        return [r.path.partition("?")[0].rpartition(KEY)[2] or "/success" for r in self.requests]


@pytest.fixture
def heard(link_archiver):
    pinged = Heard()
    with answering(pinged.answer) as origin:
        link_archiver.environ["HC"] = f"{origin}/ping/{KEY}"
        yield pinged


def notified(archive: TestArchive) -> TestArchive:
    archive.path.write_text(archive.path.read_text() + NOTIFY)
    return archive


def metrics(link_archiver) -> dict[str, float]:
    text = (link_archiver.folder / "m.prom").read_text()
    families = text_string_to_metric_families(text)
    return {sample.name: sample.value for family in families for sample in family.samples}


def test_a_run_is_heard_of_and_silent(link_archiver, address, heard) -> None:
    """Two pings and a file that node_exporter's user may read; under cron nothing is said."""
    archive = notified(TestArchive(link_archiver.folder, address))
    told = link_archiver("run")
    assert (told.out, told.err) == ("", "")
    assert heard.signals == ["/start", "/success"]
    assert heard.requests[1].body.startswith(b"run complete\nacme: complete, 300 new clicks")
    assert metrics(link_archiver)["link_archiver_archived_clicks_total"] == 300
    assert stat.S_IMODE((link_archiver.folder / "m.prom").stat().st_mode) == 0o644
    run_ids = {request.path.partition("rid=")[2] for request in heard.requests}
    assert [(run,) for run in run_ids] == archive.query("SELECT run FROM runs")


def test_a_run_that_fails_is_heard_of(link_archiver, heard) -> None:
    """With its errors; the exit code is the run's."""
    notified(TestArchive(link_archiver.folder, NO_HOST))
    told = link_archiver("run", "--json", code=3)
    assert heard.signals == ["/start", "/fail"]
    body = heard.requests[1].body.decode()
    assert body.startswith("run failed\nacme: failed")
    assert told.json["accounts"][0]["error"] in body


@pytest.mark.parametrize("quiet", [True, False])
def test_a_ping_that_fails_is_a_warning(link_archiver, address, heard, quiet) -> None:
    """Of a run that is complete: exit 0, a line for each ping unless it is to be quiet, and no
    word of the address.
    """
    heard.reply = Reply(b"who?", 404)
    notified(TestArchive(link_archiver.folder, address))
    told = link_archiver(*["-q"] * quiet, "run")
    warning = "link-archiver: warning: the ping of [notify] ({}) failed: HTTP 404"
    expected = [] if quiet else [warning.format("start"), warning.format("success")]
    assert told.err.splitlines() == expected


@pytest.mark.parametrize("command", [["run", "--json"], ["daemon"]])
@pytest.mark.parametrize("value", [None, "", "hc-ping.com/x"])
def test_a_variable_without_an_address(link_archiver, address, command, value) -> None:
    """Exit 2 before anything is fetched; other commands need no address."""
    archive = notified(TestArchive(link_archiver.folder, address))
    if value is not None:
        link_archiver.environ["HC"] = value
    told = link_archiver(*command, code=2)
    assert told.out == ""
    assert "notify.healthcheck_url_env: the environment variable HC " in told.err
    assert "hc-ping" not in told.err
    assert not archive.directory.exists()
    assert link_archiver("status").err == ""
    link_archiver("backfill", "--from", f"{NOW - timedelta(days=1):%Y-%m-%d}")


def test_a_backfill_is_not_heard_of(link_archiver, address, heard) -> None:
    """Somebody waits for it at a terminal."""
    notified(TestArchive(link_archiver.folder, address))
    link_archiver("backfill", "--from", f"{NOW - timedelta(days=1):%Y-%m-%d}")
    assert heard.requests == []
    assert not (link_archiver.folder / "m.prom").exists()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_run_that_is_ended_is_heard_of(link_archiver, busy_service, heard, number) -> None:
    """At once, as a failure; the exit code is the signal's."""
    with watching(busy_service) as (watched, address):
        notified(TestArchive(link_archiver.folder, address))
        watched.holds_up = lambda count: count == 1
        run = link_archiver.start("run")
        watched.wait_for(run)
        run.send_signal(number)
        assert link_archiver.end(run).code == 128 + number
    assert heard.signals == ["/start", "/fail"]
    assert heard.requests[1].body == f"run ended by {number.name}".encode()
    assert "link_archiver_last_run_duration_seconds" not in metrics(link_archiver)


def test_a_daemon_that_is_stopped_has_not_failed(link_archiver, busy_service, heard) -> None:
    """It is noted, and that is all; exit 0."""
    with watching(busy_service) as (watched, address):
        notified(TestArchive(link_archiver.folder, address))
        watched.holds_up = lambda count: count == 1
        daemon = link_archiver.start("daemon")
        watched.wait_for(daemon)
        daemon.send_signal(signal.SIGTERM)
        assert link_archiver.end(daemon).code == 0
    assert heard.signals == ["/start", "/log"]


def test_the_daemon_is_heard_of_as_a_run_is(link_archiver, address, heard) -> None:
    """Each of its runs pings and writes the metrics."""
    notified(TestArchive(link_archiver.folder, address))
    daemon = link_archiver.start("daemon")
    while len(heard.requests) < 2 or not (link_archiver.folder / "m.prom").exists():
        assert daemon.poll() is None
        time.sleep(0.01)
    daemon.send_signal(signal.SIGTERM)
    assert link_archiver.end(daemon).code == 0
    assert heard.signals[:2] == ["/start", "/success"]
    assert metrics(link_archiver)["link_archiver_archived_clicks_total"] == 300


FAULTS = {
    "echo": lambda request: Reply(request.path.encode() * 3, 500),
    "redirect": lambda _: Reply(b"", 302, (("Location", f"http://{KEY}.example/"),)),
    "nonsense": lambda _: Reply(b"nonsense", 200, (("Content-Encoding", "gzip"),)),
}


@pytest.mark.parametrize("fault", [*FAULTS, "nobody", "no tls", "no host"])
@pytest.mark.parametrize("reachable", [True, False])
def test_the_address_is_told_nowhere(link_archiver, address, fault, reachable) -> None:
    """Not on a screen and not in a file, whatever goes wrong with the ping or with the run; and
    the password is in no ping.
    """
    pinged: list[Request] = []

    def answer(request: Request) -> Reply:
        pinged.append(request)
        return FAULTS.get(fault, FAULTS["echo"])(request)

    with answering(answer) as origin:
        host = {
            "nobody": "http://127.0.0.1:1",
            "no tls": origin.replace("http:", "https:"),
            "no host": f"http://{KEY}.invalid",
        }.get(fault, origin)
        url = link_archiver.environ["HC"] = f"{host}/ping/{KEY}"
        notified(TestArchive(link_archiver.folder, address if reachable else NO_HOST))
        told = link_archiver("-v", "run", "--json", code=0 if reachable else 3)
        checked = link_archiver("-v", "check", code=0 if reachable else 3)
    assert told.err.count("warning: the ping of [notify] (") == 2
    files = [path.read_bytes() for path in link_archiver.folder.rglob("*") if path.is_file()]
    contents = [*files, (told.out + told.err + checked.out + checked.err).encode()]
    digest = hashlib.md5(KEY.encode(), usedforsecurity=False).hexdigest()
    for secret in (KEY, url, quote(url), quote(url, safe=""), digest):
        assert not any(secret.encode() in content for content in contents)
    assert not any(PASSWORD.encode() in request.body for request in pinged)
    assert bool(pinged) == (fault in FAULTS)


def test_stale(link_archiver, address) -> None:
    """Exit 3 where the last complete run is too long ago or there is none, and why on stderr;
    what is printed is the same.
    """
    archive = TestArchive(link_archiver.folder, address)
    told = link_archiver("status", "--stale", "26h", code=3)
    assert told.err == "link-archiver: acme: no run was ever complete\n"
    assert told.out == link_archiver("status").out
    link_archiver("run")
    for options in ([], ["--json"]):
        told = link_archiver("status", "--stale", "26h", *options)
        assert told.err == ""
    with closing(sqlite3.connect(archive.directory / "archive.db")) as connection, connection:
        connection.execute("UPDATE runs SET finished_at = '2020-05-14T00:00:00Z'")
    told = link_archiver("-q", "status", "--json", "--stale", "26h", code=3)
    assert told.json["accounts"][0]["last_success"] == "2020-05-14T00:00:00Z"
    assert told.err == (
        "link-archiver: acme: the last complete run ended at 2020-05-14T00:00:00Z, longer ago "
        "than 26h (backfills don't count)\n"
    )
    assert link_archiver("status").err == ""


@pytest.mark.parametrize("text", ["", "26", "1.5h", "h", "-1h", "0s", "99999999d", "26h "])
def test_stale_takes_a_duration(link_archiver, text) -> None:
    """Anything else is a usage error, with what is accepted."""
    TestArchive(link_archiver.folder, NO_HOST)
    told = link_archiver("status", "--stale", text, code=2)
    assert told.out == ""
    assert "Invalid value for '--stale'" in told.err
    assert "must be" in told.err


def test_check_says_whether_they_can_hear(link_archiver, address, heard) -> None:
    """Nobody is pinged; what is missing is named with the remedy."""
    archive = notified(TestArchive(link_archiver.folder, address))
    told = link_archiver("check").out.splitlines()
    assert told[-2:] == [
        "ok    notify: $HC holds an address to ping",
        f"ok    notify: {link_archiver.folder}/m.prom can be written",
    ]
    assert heard.requests == []
    del link_archiver.environ["HC"]
    text = archive.path.read_text().replace('"m.prom"', '"nowhere/m.prom"')
    archive.path.write_text(text)
    told = link_archiver("check", code=2).out.splitlines()
    assert told[-2].startswith(
        "FAIL  notify: notify.healthcheck_url_env: the environment variable"
    )
    assert told[-1] == (
        f"FAIL  notify: {link_archiver.folder}/nowhere/m.prom can't be written: make its folder, "
        "writable for this user"
    )
    (link_archiver.folder / "nowhere").touch(mode=0o777)
    assert "nowhere/m.prom can't be written" in link_archiver("check", code=2).out
