"""`demo`: the reference server with a populated account, and a run that archives its last day.

The server is started as a program of its own: what it shares with the archiver is HTTP.
"""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from archiver.errors import ConfigError, StoreError
from archiver.timestamps import format_utc
from jobs.signals import signals_held_back

_MARK = "# Written by `link-archiver demo`."
_LOGIN = "demo"
_PASSWORD = "only-for-the-demo"  # noqa: S105 - of a server on this machine that ends with the demo
_ZONE = "America/New_York"
_CLICKS_PER_DAY = 2500
# Its clicks go on for a month, so that a second demo, tomorrow, finds new ones.
_PAST = timedelta(days=3)
_FUTURE = timedelta(days=30)
_START_SECONDS = 30


@dataclass(frozen=True, slots=True)
class Demo:
    """A folder with a configuration, an archive and the reference server's own data."""

    directory: Path

    @property
    def config(self) -> Path:
        return self.directory / "config.toml"

    def prepare(self, now: datetime) -> None:
        """Make the folder and populate the account, unless an earlier demo did.

        Raises ConfigError where the folder holds something else.
        """
        with _disk_errors(self.directory):
            self._refuse_another()
            self.directory.mkdir(mode=0o750, parents=True, exist_ok=True)
            if not self._database.exists():
                self._populate(now)
            password = self.directory / "demo.pass"
            password.unlink(missing_ok=True)
            with open(password, "x", opener=_private, encoding="utf-8") as file:
                file.write(_PASSWORD)

    @contextmanager
    def server(self) -> Iterator[None]:
        """Run the reference server, and write a configuration that points to it."""
        command = [*_REFSERVER, "serve", "--database", str(self._database), "--port", "0"]
        with ExitStack() as stack:
            log = stack.enter_context((self.directory / "server.log").open("w", encoding="utf-8"))
            with signals_held_back():
                server = subprocess.Popen(  # noqa: S603 - our own program
                    command, stdout=subprocess.PIPE, stderr=log, text=True
                )
                stack.callback(_end, server)
            self._write_config(_address(server))
            yield

    def _refuse_another(self) -> None:
        if self.config.exists():
            if not self.config.read_bytes().startswith(_MARK.encode()):
                raise ConfigError(
                    f"{self.config} is no demo's configuration: name another folder for the demo"
                )
        elif (archive := self.directory / "archive").exists():
            raise ConfigError(f"{archive} is no demo's: name another folder for the demo")

    @property
    def _database(self) -> Path:
        return self.directory / "server.db"

    def _populate(self, now: datetime) -> None:
        part = self.directory / "server.db.part"
        part.unlink(missing_ok=True)
        clicks = _CLICKS_PER_DAY * (_PAST + _FUTURE).days
        command = [*_REFSERVER, "populate", "--database", str(part), "--login", _LOGIN]
        command += ["--password-env", "DEMO_PASSWORD", "--timezone", _ZONE]
        command += ["--links", "40", "--clicks", str(clicks)]
        command += ["--from", format_utc(now - _PAST), "--to", format_utc(now + _FUTURE)]
        environ = {**os.environ, "DEMO_PASSWORD": _PASSWORD}
        made = subprocess.run(command, env=environ, capture_output=True, text=True, check=False)  # noqa: S603
        if made.returncode:
            raise StoreError(f"can't populate {part}: {made.stderr.strip()}")
        part.replace(self._database)

    def _write_config(self, address: str) -> None:
        self.config.write_text(
            f"""{_MARK}
[archive]
directory = "archive"

[[accounts]]
name = "demo"
service = "linktrack"
base_url = "{address}/api/v1_0/"
login = "{_LOGIN}"
password_file = "demo.pass"
timezone = "{_ZONE}"
requests_per_second = 0
""",
            encoding="utf-8",
        )


_REFSERVER = (sys.executable, "-m", "refserver")


def _address(server: "subprocess.Popen[str]") -> str:
    line = server.stdout.readline() if server.stdout else ""
    if not line.startswith("listening on "):
        raise StoreError("the reference server didn't start: see server.log in the demo's folder")
    return line.removeprefix("listening on ").strip()


def _end(server: "subprocess.Popen[str]") -> None:
    server.terminate()
    server.communicate(timeout=_START_SECONDS)


@contextmanager
def _disk_errors(directory: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise StoreError(
            f"can't write to {directory}: {error.strerror}. Name another folder for the demo, or "
            "check this one's permissions and the disk's space"
        ) from None


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
