"""The unit files as they are, without a machine that they run on."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest
from deploy.page import DEPLOY, PAGE, blocks
from deploy.units import SERVICES, UNITS, arguments, settings, understood, values

RUNNING = [DEPLOY / "link-archiver.service", DEPLOY / "link-archiver-daemon.service"]

needs_systemd_analyze = pytest.mark.skipif(
    not shutil.which("systemd-analyze"),
    reason="there is no systemd-analyze: it is in Debian's package systemd",
)


def named(path: Path) -> str:
    return path.name


@pytest.fixture
def root(tmp_path) -> Path:
    """A root folder with our units installed, what they start, and the system's own units."""
    system = Path("/usr/lib/systemd/system")
    if not system.exists():
        system = Path("/lib/systemd/system")
    shutil.copytree(system, tmp_path / "usr/lib/systemd/system", symlinks=True)
    ours = tmp_path / "etc/systemd/system"
    ours.mkdir(parents=True)
    for unit in UNITS:
        shutil.copy(unit, ours)
    for program in ("opt/link-archiver/bin/link-archiver", "bin/echo"):
        path = tmp_path / program
        path.parent.mkdir(parents=True)
        path.touch(mode=0o755)
    return tmp_path


def verified(root: Path) -> str:
    """What `systemd-analyze verify` says of our units. Its exit code tells nothing."""
    names = [unit.name.replace("@.", "@test.") for unit in UNITS]
    verify = subprocess.run(
        ["systemd-analyze", "verify", f"--root={root}", "--man=no", *names],
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    return verify.stdout + verify.stderr


@needs_systemd_analyze
def test_systemd_has_nothing_to_say_of_the_units(root) -> None:
    """No unknown key, no wrong value, no program that isn't there."""
    assert verified(root) == ""


@needs_systemd_analyze
@pytest.mark.parametrize("unit", UNITS, ids=named)
def test_a_misspelt_key_would_show(root, unit) -> None:
    """What the test before it looks at is read at all: each of the files."""
    path = root / "etc/systemd/system" / unit.name
    path.write_text(path.read_text() + "Misspelt=yes\n")
    assert "Misspelt" in verified(root)


@needs_systemd_analyze
@pytest.mark.parametrize("service", SERVICES, ids=named)
def test_the_services_are_closed_off(service) -> None:
    """The exposure that systemd finds is under 2.0, and what the page says."""
    analysis = subprocess.run(
        ["systemd-analyze", "security", "--offline=true", "--no-pager", service],
        capture_output=True,
        encoding="utf-8",
        check=True,
    ).stdout
    [exposure] = re.findall(r"Overall exposure level for \S+: (\d+\.\d) ", analysis)
    assert float(exposure) < 2.0
    assert f"`systemd-analyze security`\nrates each {exposure}" in PAGE


@needs_systemd_analyze
def test_the_timers_day_is_the_same_all_year() -> None:
    """It is in UTC, as systemd reads it: local clocks skip an hour, and a run with it."""
    [calendar] = values(DEPLOY / "link-archiver.timer", "OnCalendar")
    read = subprocess.run(
        ["systemd-analyze", "calendar", calendar],
        capture_output=True,
        encoding="utf-8",
        check=True,
    ).stdout
    assert "Normalized form: *-*-* 03:15:00 UTC" in read


@pytest.mark.parametrize("unit", UNITS, ids=named)
def test_every_setting_has_a_comment_before_it(unit) -> None:
    """Line by line: whoever changes one reads why it is there."""
    bare = [f"{s.key}={s.value}" for s in settings(unit) if not s.before.startswith("# ")]
    assert bare == []


def test_timer_and_daemon_are_closed_off_alike() -> None:
    """Both write to the same archive, as the same user; a line for one is a line for the other."""
    one, other = [
        [f"{s.key}={s.value}" for s in settings(unit) if s.section == "Service"]
        for unit in RUNNING
    ]
    begin = one.index("LoadCredential=password:/etc/link-archiver/passwords")
    assert one[begin:] == other[-len(one[begin:]) :]
    assert len(one[begin:]) > 25


def test_the_command_for_root_runs_as_the_units_do() -> None:
    """Each of its settings is one of the units'; the same user, folder and passwords."""
    script = (DEPLOY / "link-archiver.sh").read_text(encoding="utf-8")
    units = {f"{setting.key}={setting.value}" for setting in settings(RUNNING[0])}
    given = set(re.findall(r"^    ([A-Z]\w+=\S+) \\$|^    ([A-Z]\w+=\S+)$", script, re.MULTILINE))
    lines = {one or other for one, other in given}
    assert lines <= units
    assert {line.split("=")[0] for line in lines} >= {
        "DynamicUser", "User", "StateDirectory", "LoadCredential", "EnvironmentFile", "UMask",
    }  # fmt: skip


@pytest.mark.parametrize(
    "command",
    [
        *(command for unit in RUNNING for command in values(unit, "ExecStart")),
        *re.findall(r"^ExecStart=(.*)$", "".join(blocks("systemd, without root")), re.MULTILINE),
    ],
)
def test_the_units_start_commands_that_there_are(command) -> None:
    """Options and command are understood by the program."""
    assert understood(arguments(command))


def test_an_unknown_command_would_show() -> None:
    """What reads the commands above refuses what the program hasn't."""
    for wrong in ("--config x demon", "--konfig x run", "run --al"):
        assert not understood(wrong.split())
