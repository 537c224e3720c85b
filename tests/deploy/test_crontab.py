"""The lines of crontab.example, as cron reads and runs them."""

import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
from apscheduler.triggers.cron import CronTrigger
from deploy.page import DEPLOY
from deploy.units import arguments, understood
from support.archive import TestArchive
from support.service import PASSWORD

LINES = (DEPLOY / "crontab.example").read_text(encoding="utf-8").splitlines()
_RUN = re.compile(r"#?(?P<times>[0-9*][^ ]*( [^ ]+){4})  (?P<command>.+)")


@dataclass(frozen=True)
class Entry:
    """A line that runs something, whether it is commented out or not."""

    times: str
    command: str

    def for_the_shell(self) -> str:
        """What cron gives to sh: up to a %, which it takes for the end unless it is escaped."""
        return re.split(r"(?<!\\)%", self.command)[0].replace("\\%", "%")


ENTRIES = [
    Entry(found["times"], found["command"]) for found in map(_RUN.fullmatch, LINES) if found
]


def test_there_is_nothing_else_in_it() -> None:
    """Each line is a comment, a variable, or five fields and a command; one is in force."""
    rest = [line for line in LINES if line and not _RUN.fullmatch(line) and line[0] != "#"]
    assert rest == ["MAILTO=you@example.com"]
    assert len([line for line in LINES if line[:1].isdigit()]) == 1
    assert len(ENTRIES) == 3


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.times)
def test_its_times_and_commands_are_understood(entry) -> None:
    """The five fields are cron's, the command is the program's, and no % ends it early."""
    CronTrigger.from_crontab(entry.times, timezone="UTC")
    assert not re.search(r"(?<!\\)%", entry.command)
    given = re.sub(r"\$\(.*?\)", "2026-11-01", entry.for_the_shell())
    assert understood(arguments(given))


def cron(entry: Entry, home: Path) -> "subprocess.CompletedProcess[str]":
    """Run a line as cron does: by sh, at home, and with next to nothing in the environment."""
    return subprocess.run(
        ["/bin/sh", "-c", entry.for_the_shell()],
        cwd=home,
        env={"HOME": str(home), "PATH": "/usr/bin:/bin", "SHELL": "/bin/sh", "LOGNAME": "you"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        check=False,
    )


@pytest.fixture
def home(tmp_path, address) -> Path:
    """A home with the program and its configuration, where the README has them."""
    archive = TestArchive(tmp_path / ".config/link-archiver", address)
    (tmp_path / ".config/link-archiver/acme.pass").touch(mode=0o600)
    (tmp_path / ".config/link-archiver/acme.pass").write_text(PASSWORD)
    config = archive.path.read_text().replace(
        'password_env = "PASSWORD"', 'password_file = "acme.pass"'
    )
    archive.path.write_text(config)
    programs = tmp_path / ".local/link-archiver/bin"
    programs.mkdir(parents=True)
    (programs / "link-archiver").symlink_to(Path(sys.executable).with_name("link-archiver"))
    return tmp_path


def test_cron_mails_nothing_while_all_is_well(home) -> None:
    """Each line does its work and prints nothing; the table is there."""
    for entry in ENTRIES:
        ended = cron(entry, home)
        assert (ended.returncode, ended.stdout, ended.stderr) == (0, "", "")
    [table] = home.glob("clicks-????-??.csv")
    assert table.read_text().startswith("account,service,clicked_at,")


def test_cron_mails_what_went_wrong(home) -> None:
    """A run that fails prints why, on one line."""
    (home / ".config/link-archiver/acme.pass").unlink()
    ended = cron(ENTRIES[0], home)
    assert ended.returncode == 2
    [line] = ended.stderr.splitlines()
    assert "acme.pass" in line
