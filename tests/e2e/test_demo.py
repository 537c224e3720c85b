"""`demo`: the whole thing on this machine, in a few seconds, and nothing of it stays running."""

import re
import signal
import time
from pathlib import Path

import pytest


def test_the_demo_shows_it_all_and_can_be_repeated(link_archiver) -> None:
    """Exit 0; the commands that it names work, the last line invites to go on; a second demo adds
    only what is new; no process and no secret is left, and no file is anybody else's to read.
    """
    told = link_archiver("demo")
    assert told.err == ""
    new = _new_clicks(told.out)
    assert new > 500
    assert told.out.splitlines()[-1] == "Now your own links: link-archiver init"
    assert _processes_within(link_archiver.folder) == []
    folder = link_archiver.folder / "link-archiver-demo"
    for path in (folder, *folder.rglob("*")):
        assert path.stat().st_mode & 0o007 == 0, path
    assert (folder / "demo.pass").stat().st_mode & 0o777 == 0o600
    assert (folder / "demo.pass").read_text() not in (folder / "server.log").read_text()

    commands = re.findall(r"^  link-archiver (.*?)(?: \|.*)?$", told.out, re.MULTILINE)
    assert len(commands) == 2
    status, export = [link_archiver(*command.split()) for command in commands]
    assert f"{new:,} on " in status.out
    assert len(export.lines) == new

    again = link_archiver("demo")
    added = _new_clicks(again.out)
    assert added < 50, "what came in a few seconds"
    clicks = link_archiver(*commands[1].split()).lines
    assert len(clicks) == len({click["id"] for click in clicks}) == new + added


def test_a_folder_of_somebody_elses_is_refused(link_archiver) -> None:
    """Exit 2, what to do, and everything in it as it was; also for what isn't even text."""
    folder = link_archiver.folder / "mine"
    folder.mkdir()
    for content in (b"# my own\n", b"\xff\xfe"):
        (folder / "config.toml").write_bytes(content)
        told = link_archiver("demo", "mine", code=2)
        assert told.err == (
            "link-archiver: mine/config.toml is no demo's configuration: name another folder for "
            "the demo\n"
        )
        assert [path.name for path in folder.iterdir()] == ["config.toml"]
        assert (folder / "config.toml").read_bytes() == content
    (folder / "config.toml").rename(folder / "archive")
    told = link_archiver("demo", "mine", code=2)
    assert "mine/archive is no demo's: name another folder" in told.err
    assert [path.name for path in folder.iterdir()] == ["archive"]


def test_a_folder_that_cannot_be_made_is_told(link_archiver) -> None:
    """Exit 3 for what the disk refuses, 2 for a name that is taken; and the remedy."""
    (link_archiver.folder / "letter").write_text("")
    told = link_archiver("demo", "letter/demo", code=3)
    assert "can't write to letter/demo: Not a directory. Name another folder" in told.err
    assert "'letter' is a file" in link_archiver("demo", "letter", code=2).err


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_demo_that_is_ended_leaves_no_server(link_archiver, number) -> None:
    """Whenever it is ended: 128 + the signal, and its server goes with it."""
    link_archiver("demo")
    demo = link_archiver.start("demo")
    log = link_archiver.folder / "link-archiver-demo/server.log"
    log.unlink()
    while not log.exists():
        assert demo.poll() is None
        time.sleep(0.01)
    demo.send_signal(number)
    assert link_archiver.end(demo).code == 128 + number
    assert _processes_within(link_archiver.folder) == []


def _new_clicks(out: str) -> int:
    match = re.search(r"^([0-9,]+) new clicks archived, ", out, re.MULTILINE)
    return int(match[1].replace(",", ""))


def _processes_within(folder: Path) -> list[str]:
    """The command lines of live processes that work in a folder."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if (process / "cwd").readlink().is_relative_to(folder):
                found.append((process / "cmdline").read_text())
        except OSError:  # it has ended, or is somebody else's
            continue
    return found
