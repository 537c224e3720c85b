"""A machine of its own: systemd-nspawn boots systemd on this one's /usr, and nothing else of it.

Its /etc, /opt, /var and home folders are empty and in memory; its network is loopback only.
"""

import os
import re
import shlex
import shutil
import signal
import socket
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

BOOT_SECONDS = 120
COMMAND_SECONDS = 900
WAIT_SECONDS = 180

_NSPAWN = (
    # It shuts down with whoever started it, even if that is killed.
    "setpriv", "--pdeathsig=TERM",
    "systemd-nspawn", "--directory=/", "--volatile=yes", "--tmpfs=/usr/local",
    "--private-network", "--register=no", "--link-journal=no", "--console=pipe",
)  # fmt: skip
_NAME = f"archiver-{os.getpid()}"


@dataclass(frozen=True)
class Ended:
    """A script that has ended in the machine."""

    code: int
    out: str
    err: str


@dataclass(frozen=True)
class Machine:
    """A booted machine. `leader` is its systemd, by the number that it has outside."""

    leader: int
    environ: Mapping[str, str]

    def __call__(self, script: str, *, code: int = 0, user: Sequence[str] = ()) -> Ended:
        """Run a script as root, or as what `user` makes of it; it ends with this exit code."""
        ended = subprocess.run(
            [
                *("nsenter", f"--target={self.leader}", "--all", "--root", "--wd"),
                *("/usr/bin/env", "--ignore-environment"),
                *(f"{name}={value}" for name, value in self.environ.items()),
                *(*user, "/bin/bash", "-euo", "pipefail", "-c", script),
            ],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            timeout=COMMAND_SECONDS,
            check=False,
        )
        told = Ended(ended.returncode, ended.stdout, ended.stderr)
        assert told.code == code, f"{script}\n{told.out}\n{told.err}\nexit {told.code}"
        return told

    def wait_until(self, condition: str) -> None:
        """Wait until a script succeeds."""
        loop = shlex.quote(f"until {condition}; do sleep 0.1; done")
        self(f"timeout {WAIT_SECONDS} bash -c {loop}")

    def write(self, path: str, text: str) -> None:
        """Write a file, and the folders that it needs."""
        there = Path(f"/proc/{self.leader}/root{path}")
        there.parent.mkdir(parents=True, exist_ok=True)
        there.write_text(text, encoding="utf-8")

    def shows(self, unit: str, name: str) -> str:
        """A property of a unit."""
        return self(f"systemctl show --value --property={name} '{unit}'").out.removesuffix("\n")

    def cursor(self) -> str:
        """The journal's end, at a line that no filter of ours lets through."""
        line = "echo now | systemd-cat --identifier=test --level-prefix=no; journalctl --sync"
        told = self(f"{line}; journalctl --identifier=test --lines=1 --show-cursor").out
        return told.rpartition("-- cursor: ")[2].strip()

    def heard(self, since: str, *options: str) -> str:
        """What the journal has since then."""
        # Not --after-cursor: that skips the first line that a filter lets through.
        return self(f"journalctl --sync; journalctl {_reading(since)} {' '.join(options)}").out

    def wait_to_hear(self, since: str, *options: str) -> None:
        """Wait until the journal has something since then."""
        self.wait_until(f"journalctl {_reading(since)} {' '.join(options)} | grep -q .")


def _reading(since: str) -> str:
    return f"--quiet --output=cat --cursor='{since}'"


def why_not() -> str | None:
    """Why no machine can be had here; None where one can."""
    if os.geteuid() != 0:
        return "a container needs root"
    if not shutil.which("systemd-nspawn"):
        return "there is no systemd-nspawn: it is in Debian's package systemd-container"
    if not Path("/usr/lib/systemd/systemd").exists():
        return "there is no systemd to boot: it is in Debian's package systemd"
    python = [
        "/usr/bin/python3",
        "-c",
        "import sys, ensurepip; assert sys.version_info >= (3, 11)",
    ]
    if subprocess.run(python, capture_output=True, check=False).returncode:
        return (
            "the machine's own Python is none, too old, or without Debian's package python3-venv"
        )
    with _own_cgroup() as enter:
        tried = subprocess.run(
            [*enter, *_NSPAWN, f"--machine={_NAME}", *_unit_options(), "/bin/true"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            timeout=BOOT_SECONDS,
            check=False,
        )
    return f"systemd-nspawn can't run here: {tried.stderr.strip()}" if tried.returncode else None


@contextmanager
def booted(environ: Mapping[str, str], binds: Mapping[Path, str]) -> Iterator[Machine]:
    """Boot a machine that sees these folders, and shut it down."""
    with _own_cgroup() as enter, ExitStack() as listening:
        listener = listening.enter_context(closing(_Listener()))
        process = subprocess.Popen(
            [
                *(*enter, *_NSPAWN, f"--machine={_NAME}", *_unit_options()),
                *("--boot", "--notify-ready=yes"),
                *(f"--bind={here}:{there}" for here, there in binds.items()),
                # Only loopback is ever up there: nobody needs to wait for more.
                "systemd.mask=systemd-networkd-wait-online.service",
            ],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            env={"PATH": os.environ["PATH"], "NOTIFY_SOCKET": listener.name},
        )
        try:
            leader = listener.wait_for_leader(process)
            listening.close()  # it tells more, and would wait until that is read
            yield Machine(leader, environ)
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.communicate(timeout=BOOT_SECONDS)
            except subprocess.TimeoutExpired:  # it doesn't shut down: end it
                process.send_signal(signal.SIGTERM)
                process.communicate()


class _Listener:
    """Where systemd-nspawn says that the machine is up."""

    def __init__(self) -> None:
        self.name = f"@{_NAME}"
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(f"\0{_NAME}")
        self._socket.settimeout(BOOT_SECONDS)

    def close(self) -> None:
        self._socket.close()

    def wait_for_leader(self, process: "subprocess.Popen[bytes]") -> int:
        heard = ""
        while "READY=1" not in heard.splitlines():
            try:
                heard += self._socket.recv(4096).decode() + "\n"
            except TimeoutError:
                process.terminate()
                raise AssertionError(f"it doesn't boot: {heard} {process.communicate()}") from None
        found = re.search(r"^X_NSPAWN_LEADER_PID=(\d+)$", heard, re.MULTILINE)
        assert found, heard
        return int(found[1])


def _unit_options() -> list[str]:
    """Where no systemd runs outside, nobody can be asked for a unit: it keeps its cgroup."""
    return [] if Path("/run/systemd/system").exists() else ["--keep-unit"]


@contextmanager
def _own_cgroup() -> Iterator[list[str]]:
    """What goes before a command, to start it in a cgroup of its own for what it makes there."""
    if not _unit_options():
        yield []
        return
    roots = [Path("/sys/fs/cgroup", part) for part in (".", "systemd", "unified")]
    groups = [root / _NAME for root in roots if (root / "cgroup.procs").exists()]
    for group in groups:
        group.mkdir(exist_ok=True)
    entering = "".join(f"echo $$ >{group}/cgroup.procs; " for group in groups)
    try:
        yield ["/bin/sh", "-c", f'{entering}exec "$@"', "sh"]
    finally:
        for group in groups:
            for folder, _, _ in os.walk(group, topdown=False):
                with suppress(OSError):
                    Path(folder).rmdir()
