"""What stands in the unit files."""

import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from click.testing import CliRunner
from deploy.page import DEPLOY

from jobs.cli import cli

SERVICES = sorted(DEPLOY.glob("*.service"))
UNITS = [*SERVICES, DEPLOY / "link-archiver.timer"]


@dataclass(frozen=True)
class Setting:
    """One setting of a unit, and the line that stands before it."""

    section: str
    key: str
    value: str
    before: str


def settings(unit: Path) -> Iterator[Setting]:
    """Give a unit's settings, in their order."""
    section = before = ""
    for line in unit.read_text(encoding="utf-8").splitlines():
        if line.startswith("["):
            section = line.strip("[]")
        elif line and not line.startswith("#"):
            key, _, value = line.partition("=")
            yield Setting(section, key, value, before)
        before = line


def values(unit: Path, key: str) -> list[str]:
    """Give the values of a setting, in their order."""
    return [setting.value for setting in settings(unit) if setting.key == key]


def arguments(command: str) -> list[str]:
    """Give what a command line gives to link-archiver. It names the program by its path."""
    program, *rest = shlex.split(command)
    assert program.endswith("/bin/link-archiver"), command
    return rest


def understood(given: list[str]) -> bool:
    """Whether the program has this command, with these options; it isn't run."""
    return CliRunner().invoke(cli, [*given, "--help"], obj=[]).exit_code == 0
