"""Every command against every fault, talkative: none of the secrets is anywhere afterwards.

In each form in which a program shows one: as it is, percent-encoded, escaped as JSON, XML, HTML
and Python do, and its MD5, as Linkbee's API takes it. In output, log lines, metrics, pings,
process lists and all files.
"""

import base64
import hashlib
import html
import json
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import timedelta
from pathlib import Path
from urllib import request as urllib_request
from urllib.parse import quote, quote_plus, urlsplit

import pytest
from e2e.processes import NOW, Commands, has_traceback
from support.scripted import Reply, Request, answering, scripted
from support.service import LOGIN, PASSWORD, Service

from refserver.app import create_app
from refserver.proxy import proxying
from refserver.serving import running
from refserver.shortlinks import add_short_link

DAY = timedelta(days=1)
VISITORS = "vis&itors' %20 pass<word>"
PING_KEY = "6f1f2c1e-5f0a-4d1e-9a63-0c7d2f1b9e55"
FROM, TO = f"{NOW - 2 * DAY:%Y-%m-%d}", f"{NOW:%Y-%m-%d}"
YESTERDAY = f"{NOW - DAY:%Y-%m-%d}"

ONLINE = {
    "run": ["run", "--json"],
    "backfill": ["backfill", "--from", FROM, "--to", TO, "--again", "--json"],
    "check": ["check"],
    "make-link": [
        *("make-link", "--account", "acme", "--password-env", "VISITORS"),
        "https://example.com/",
    ],
    "shorten": ["make-link", "--account", "bees", "--ad", "banner", "https://example.com/"],
    "verify": ["verify", "--against-source", "--json"],
    "repair": ["repair", "--account", "acme", "--day", YESTERDAY],
    "daemon": ["daemon"],
}
OFFLINE = {
    "status": ["status", "--json"],
    "status as text": ["status"],
    "stale": ["status", "--stale", "1s"],
    "clicks": ["export", "clicks"],
    "links": ["export", "links", "--format", "csv"],
    "totals": ["export", "totals"],
    "publish": ["publish"],
    "verify": ["verify"],
    "rejected": ["rejected"],
    "init": ["init"],
}
FAULTS: dict[str, dict[str, object] | str] = {
    "none": {},
    "429": {"fault": "too-many-requests", "retry_after": 0},
    "500": {"fault": "server-error"},
    "html": {"fault": "html"},
    "redirect": {"fault": "redirect", "location": "http://127.0.0.1:1/", "status": 307},
    "clock": {"fault": "clock", "seconds": 7200},
    "wrong total": {"fault": "wrong-total"},
    "repeated page": {"fault": "repeated-page"},
    "swell": {"fault": "swell"},
    "no answer": "no-answer",
    "no body": "drop-before-body",
    "half a body": "drop-amid-body",
    "cut short": "cut-short",
    "wrong password": "",
    "echo": "",
    "nobody there": "",
}


def forms_of(secret: str) -> Iterator[bytes]:
    """The secret as programs show it, and its MD5."""
    plain = secret.encode()
    digest = hashlib.md5(plain, usedforsecurity=False)
    texts = {
        secret,
        quote(secret, safe=""),
        quote(secret),
        quote_plus(secret),
        quote(secret, safe="").lower(),
        json.dumps(secret)[1:-1],
        json.dumps(secret, ensure_ascii=False)[1:-1],
        repr(secret)[1:-1],
        ascii(secret)[1:-1],
        html.escape(secret),
        html.escape(secret, quote=False),
        digest.hexdigest(),
        digest.hexdigest().upper(),
        quote(digest.digest(), safe=""),
        quote_plus(digest.digest()),
        repr(digest.digest())[2:-1],
        digest.digest().decode("latin-1"),
    }
    yield digest.digest()
    yield secret.encode("utf-16-le")
    yield base64.b64encode(plain).rstrip(b"=")
    yield from (text.encode() for text in texts)


SECRETS = sorted(
    {form for secret in (PASSWORD, VISITORS, PING_KEY) for form in forms_of(secret)}, key=len
)


def assert_no_secret(content: bytes, where: object) -> None:
    for form in SECRETS:
        place = content.find(form)
        assert place < 0, f"{form!r} in {where}: {content[max(0, place - 80) : place + 80]!r}"


class World:
    """Both services, who is pinged, and a folder with the commands."""

    def __init__(self, folder: Path, service: Service, address: str, pinged: str) -> None:
        self.folder = folder
        self.commands = Commands(folder)
        self.commands.environ |= {"VISITORS": VISITORS, "PING": f"{pinged}{PING_KEY}"}
        self.service = service
        self.address = address
        short = add_short_link(service.database, "https://e.example/", account_id=1, hits=3)
        self.short_link = f"{address}/{short}"

    def configure(self, address: str, password_env: str = "PASSWORD") -> None:
        """Point both accounts at an address."""
        (self.folder / "config.toml").write_text(
            f"""
[[accounts]]
name = "acme"
service = "linktrack"
base_url = "{address}/api/v1_0/"
login = "{LOGIN}"
password_env = "{password_env}"
timezone = "UTC"
method = "get"
deadline = "5s"
requests_per_second = 0

[[accounts]]
name = "bees"
service = "linkbee"
base_url = "{address}/api.php"
login = "{LOGIN}"
password_env = "{password_env}"
links = ["{self.short_link}"]
deadline = "5s"
requests_per_second = 0

[[pages]]
account = "acme"
output = "page.html"

[notify]
healthcheck_url_env = "PING"
metrics_file = "metrics.prom"
"""
        )

    def told_by(self, command: list[str]) -> None:
        """Run a command, whatever its exit code, and look at all that it says."""
        process = self.commands.start("-v", *command)
        if command == ["daemon"]:
            self._wait_for_a_run(process)
            process.terminate()
        out, err = process.communicate(timeout=60)
        assert process.returncode in {0, 1, 2, 3, 4}, err
        assert not has_traceback(err.decode()), err
        assert_no_secret(out + err, command)

    def look_at_files(self) -> None:
        for path in self.folder.rglob("*"):
            if path.is_file():
                assert_no_secret(path.read_bytes(), path)

    def _wait_for_a_run(self, process) -> None:
        runs = "SELECT count(*) FROM runs WHERE finished_at IS NOT NULL"
        before = self._count(runs)
        end = time.monotonic() + 45
        while self._count(runs) < before + 2 and time.monotonic() < end:
            assert process.poll() is None
            time.sleep(0.1)

    def _count(self, sql: str) -> int:
        try:
            with closing(sqlite3.connect(self.folder / "archive/archive.db")) as connection:
                return connection.execute(sql).fetchone()[0]
        except sqlite3.Error:
            return 0


@contextmanager
def process_lists_watched() -> Iterator[None]:
    """Look at the commands' lines in the process list again and again; none has a secret."""
    seen: set[bytes] = set()
    stop = threading.Event()

    def watch() -> None:
        while not stop.wait(0.02):
            for path in Path("/proc").glob("[0-9]*/cmdline"):
                try:
                    seen.add(path.read_bytes())
                except OSError:
                    continue

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield
    finally:
        stop.set()
        watcher.join()
    ours = [line for line in seen if b"jobs\0-v\0" in line]
    assert ours
    for line in ours:
        assert_no_secret(line, "a process list")


@pytest.fixture
def pings() -> list[bytes]:
    return []


@pytest.fixture
def world(tmp_path, pings) -> Iterator[World]:
    folder = tmp_path / "here"
    folder.mkdir()

    def pinged(request: Request) -> Reply:
        pings.append(request.body)
        return Reply(b"OK")

    with closing(Service(tmp_path / "service.db")) as service, answering(pinged) as origin:
        service.populate(60, NOW - 2 * DAY, NOW - timedelta(hours=1), links=3)
        app = create_app(service.database, allow_control=True)
        with running(app) as address:
            yield World(folder, service, address, f"{origin}/")


@contextmanager
def faulty(world: World, fault: str) -> Iterator[None]:
    """Let the services fail in one way."""
    settings = FAULTS[fault]
    world.configure(world.address)
    if isinstance(settings, dict) and settings:
        _control(world.address, {**settings, "times": None})
        yield
        _control(world.address, None)
    elif isinstance(settings, str) and settings:
        with proxying(world.address) as proxy:
            proxy.fail(settings, times=None)
            world.configure(proxy.url)
            yield
    elif fault == "wrong password":
        world.commands.environ["WRONG"] = f"{PASSWORD}{PASSWORD}"
        world.configure(world.address, "WRONG")
        yield
    elif fault == "echo":
        with scripted(_echo) as url:
            parts = urlsplit(url)
            world.configure(f"http://{parts.netloc}")
            yield
    elif fault == "nobody there":
        world.configure("http://127.0.0.1:1")
        yield
    else:
        yield


def _echo(asked: dict[str, str]) -> Reply:
    """An answer that repeats what it was asked, in several forms."""
    text = " ".join(f"{key}={value} {quote(value)}" for key, value in asked.items())
    document = {"error": 1, "msg": text, "hits": text, "quicken": text, "shorten": text}
    return Reply(json.dumps(document).encode())


def _control(address: str, fault: dict[str, object] | None) -> None:
    order = "faults" if fault else "reset"
    asked = urllib_request.Request(
        f"{address}/_control/{order}",
        json.dumps(fault or {}).encode(),
        {"Content-Type": "application/json"},
    )
    with urllib_request.urlopen(asked, timeout=5) as answer:
        assert answer.status == 200


def pairs() -> list[object]:
    """Each command with each fault: all of them in the long suite, each once in the short one."""
    cases = []
    for number, fault in enumerate(FAULTS):
        for place, command in enumerate(ONLINE):
            quick = (place - number) % len(ONLINE) == 0
            marks = () if quick else (pytest.mark.soak,)
            cases.append(pytest.param(command, fault, marks=marks, id=f"{command}, {fault}"))
    return cases


@pytest.mark.parametrize(("command", "fault"), pairs())
def test_no_secret_is_left_anywhere(world, pings, command, fault):
    """Not by the command, nor by those that tell of it afterwards."""
    with process_lists_watched():
        world.configure(world.address)
        world.told_by(["run"])
        with faulty(world, fault):
            world.told_by(ONLINE[command])
            if command == "run":
                for offline in OFFLINE.values():
                    world.told_by(offline)
        world.look_at_files()
    if command in {"run", "daemon"}:
        assert any(pings)
    for ping in pings:
        assert_no_secret(ping, "a ping")
