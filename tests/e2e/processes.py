"""The installed commands as processes, each in a clean environment and a folder of its own."""

import hashlib
import json
import os
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from threading import Event
from typing import Any
from urllib.parse import quote, quote_plus

from flask import request
from support.service import COMPARED, PASSWORD, Service

from refserver.app import create_app
from refserver.serving import running

ROOT = Path(__file__).parents[2]
CONSOLE_SCRIPT = Path(sys.executable).with_name("link-archiver")
NOW = datetime.now(UTC).replace(microsecond=0)
TIMEOUT_SECONDS = 60

# Root may write anywhere, unless it gives up CAP_DAC_OVERRIDE (1) and CAP_DAC_READ_SEARCH (2).
_WITHOUT_PRIVILEGE = """
import ctypes, os, sys
for capability in (1, 2):
    assert ctypes.CDLL(None).prctl(24, capability, 0, 0, 0) == 0  # PR_CAPBSET_DROP
os.execv(sys.argv[1], sys.argv[1:])
"""
#: Stands before a command whom permissions are to bind, whoever runs the tests.
UNPRIVILEGED = [sys.executable, "-c", _WITHOUT_PRIVILEGE] if os.geteuid() == 0 else []

#: With these, coverage is measured in the commands too: see the Makefile.
_MEASURED = {"COVERAGE_PROCESS_START", "COVERAGE_FILE"}

#: The password in each form in which a careless program shows it.
SECRETS = (
    PASSWORD,
    quote(PASSWORD),
    quote_plus(PASSWORD),
    json.dumps(PASSWORD)[1:-1],
    PASSWORD.replace("&", "&amp;"),
    hashlib.md5(PASSWORD.encode(), usedforsecurity=False).hexdigest(),
)


#: What Python itself says, where warnings are errors, of a file that a signal left open: it came
#: between the opening and the `with`.
_LEFT_OPEN = re.compile(
    r"^Exception ignored in: <_io\.\w+ name=.*\nTraceback .*\n(?: .*\n)*"
    r"ResourceWarning: unclosed file .*\n",
    re.MULTILINE,
)


def has_traceback(err: str) -> bool:
    """Whether a command showed where in the program something went wrong."""
    told = _LEFT_OPEN.sub("", err) if "ended by SIG" in err else err
    return "Traceback" in told


@dataclass(frozen=True)
class Ended:
    """A process that has ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """What it printed, which is one JSON document and nothing else."""
        return json.loads(self.out)

    @property
    def events(self) -> list[str]:
        """What it said on stderr, line by line, each without the id of its run."""
        return [re.sub(r" \[run [0-9a-f]{8}\]$", "", line) for line in self.err.splitlines()]

    @property
    def lines(self) -> list[dict[str, Any]]:
        """What it printed, which is one JSON document a line."""
        return [json.loads(line) for line in self.out.split("\n")[:-1]]


class Commands:
    """Starts `link-archiver` in a folder, with nothing of this machine's settings."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.environ = {
            "PATH": f"{CONSOLE_SCRIPT.parent}:{os.environ['PATH']}",
            "HOME": str(folder / "home"),
            "XDG_CONFIG_HOME": str(folder / "xdg"),
            "PASSWORD": PASSWORD,
            "LC_ALL": "C.UTF-8",
            "PYTHONWARNINGS": "error",
        }

    def __call__(self, *arguments: str, code: int = 0, **options: Any) -> Ended:
        """Run a command to its end, which is expected to be this exit code."""
        ended = self.end(self.start(*arguments, **options))
        assert ended.code == code, f"{arguments}: {ended}"
        return ended

    def start(
        self, *arguments: str, before: Sequence[str] = (), **options: Any
    ) -> "subprocess.Popen[bytes]":
        """Start a command, or another that starts it, which stands `before` it."""
        # Where a disk is to fail, or a file may not grow, coverage's own would be hit.
        measured = set() if "preexec_fn" in options else _MEASURED & os.environ.keys()
        given: dict[str, Any] = {
            "cwd": self.folder,
            "env": {**self.environ, **{name: os.environ[name] for name in measured}},
            "stdin": subprocess.DEVNULL,
            "stdout": subprocess.PIPE,
            "stderr": subprocess.PIPE,
            **options,
        }
        return subprocess.Popen([*before, sys.executable, "-m", "jobs", *arguments], **given)

    def end(self, process: "subprocess.Popen[bytes]") -> Ended:
        """Wait for a process that was started. Whatever it was, it told no secret."""
        try:
            out, err = process.communicate(timeout=TIMEOUT_SECONDS)
        finally:
            process.kill()
        ended = Ended(process.returncode, (out or b"").decode(), (err or b"").decode())
        for secret in SECRETS:
            assert secret not in ended.out + ended.err
        assert not has_traceback(ended.err), ended.err
        return ended

    def going_wrong(self, **how: object) -> dict[str, Any]:
        """Options for a command that something goes wrong in: `support/startup` says how."""
        tests = ROOT / "tests"
        path = (tests / "support" / "startup", tests, ROOT)
        given = {name: str(value) for name, value in how.items()}
        return {"env": {**self.environ, "PYTHONPATH": ":".join(map(str, path)), **given}}

    def exported(self) -> "Counter[tuple[object, ...]]":
        """The multiset of the archive's clicks, to be held against what the service has."""
        clicks = self("export", "clicks").lines
        return Counter(tuple(click[name] for name in COMPARED) for click in clicks)

    def status(self) -> dict[str, Any]:
        """What `status --json` says of the first account."""
        account: dict[str, Any] = self("status", "--json").json["accounts"][0]
        return account


class Watched:
    """A service whose requests are kept, and held up where a test says so."""

    def __init__(self, service: Service) -> None:
        self.starts: list[str] = []  # what each request asked from
        self.holds_up: Callable[[int], bool] = lambda _: False  # by the request's number, from 1
        self.reached = Event()  # a request is held up
        self.gate = Event()  # those that are may go on
        self.app = create_app(service.database)
        self.app.before_request(self._before)

    def wait_for(self, process: "subprocess.Popen[bytes]") -> None:
        """Wait until a request of a process is held up."""
        while not self.reached.wait(0.01):
            assert process.poll() is None, process.communicate()

    def _before(self) -> None:
        self.starts.append(request.values["start"])
        if self.holds_up(len(self.starts)):
            self.reached.set()
            self.gate.wait(TIMEOUT_SECONDS)


@contextmanager
def watching(service: Service) -> Iterator[tuple[Watched, str]]:
    """Serve a service so that its requests can be counted and held up; give its base_url too."""
    watched = Watched(service)
    with running(watched.app) as address:
        try:
            yield watched, f"{address}/api/v1_0/"
        finally:
            watched.gate.set()
