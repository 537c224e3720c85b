"""`run`: all that is due, once; what it says, and to whom."""

import os
import pty
import re
import subprocess
from contextlib import suppress
from datetime import timedelta

import pytest
from e2e.processes import CONSOLE_SCRIPT, NOW
from support.archive import TestArchive

NO_HOST = "http://127.0.0.1:1/api/v1_0/"  # nobody listens there
DAY = timedelta(days=1)


@pytest.fixture
def truth(busy_service):
    """All clicks of the service, as a multiset."""
    return busy_service.clicks_between(NOW - 2 * DAY, NOW)


@pytest.mark.parametrize("store", ["sqlite", "jsonl"])
def test_a_run_is_silent_and_archives_all_that_is_due(
    link_archiver, address, truth, store
) -> None:
    """Under cron there is nothing to say; the archive has each click once, and a second run adds
    none.
    """
    archive = TestArchive(link_archiver.folder, address, store=store)
    told = link_archiver("run")
    assert (told.out, told.err) == ("", "")
    assert link_archiver.exported() == archive.clicks() == truth
    told = link_archiver("run", "--json")
    assert told.err == ""
    [account] = told.json["accounts"]
    assert told.json["outcome"] == account["outcome"] == "complete"
    assert account["new"] == 0
    assert account["duplicates"] == account["fetched"] == 300
    assert archive.clicks() == truth
    modes = {path: path.stat().st_mode & 0o007 for path in archive.directory.rglob("*")}
    assert set(modes.values()) == {0}, "an archive is nobody else's to read"


def test_the_json_report_has_exactly_these_keys(link_archiver, address) -> None:
    """Programs hold on to them; stdout has the report and nothing else."""
    TestArchive(link_archiver.folder, address, since=str(NOW - DAY)[:19])
    told = link_archiver("run", "--json")
    assert told.err == ""
    assert told.out.count("\n") == 1
    days = 2 if (NOW - timedelta(minutes=10)).date() > (NOW - DAY).date() else 1
    assert told.json == {
        "outcome": "complete",
        "accounts": [
            {
                "name": "acme",
                "outcome": "complete",
                "fetched": 300,
                "new": 300,
                "duplicates": 0,
                "windows": days,
                "error": None,
            }
        ],
    }


def test_verbose_and_quiet(link_archiver, address) -> None:
    """-v says on stderr what a terminal is told, and each window; -q silences it there; both is a
    mistake.
    """
    TestArchive(link_archiver.folder, address)
    told = link_archiver("-v", "run")
    assert told.out == ""
    begun, *windows, done = told.events
    assert begun == "acme: 1.0 days to fetch"
    assert re.fullmatch(r"acme: complete, 300 new clicks, 0 known, \d windows", done)
    assert len(windows) == int(done.split()[-2])
    instant = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ"
    assert all(re.fullmatch(rf"acme: \[{instant}, {instant}\): done", line) for line in windows)
    told = link_archiver("-v", "-q", "run", code=2)
    assert "-v and -q contradict each other" in told.err


def test_on_a_terminal_it_says_one_line(link_archiver, address) -> None:
    """Once the progress bar is gone; and with -q not even that."""
    TestArchive(link_archiver.folder, address)
    shown = _on_a_terminal(link_archiver, "run")
    assert re.fullmatch(
        r"acme: complete, 300 new clicks, 0 known, \d windows \[run \w{8}\]", shown.strip()
    )
    assert _on_a_terminal(link_archiver, "-q", "run") == ""


def test_on_a_terminal_each_account_has_its_bars(link_archiver, busy_service) -> None:
    """One after the other, links and all; no bar keeps an account from being archived."""
    with busy_service.serving() as address:
        archive = TestArchive(
            link_archiver.folder, address, names=("acme", "bees", "third"), totals=True
        )
        shown = _on_a_terminal(link_archiver, "run")
    assert [line.partition(",")[0] for line in shown.strip().splitlines()] == [
        "acme: complete",
        "bees: complete",
        "third: complete",
    ]
    assert archive.clicks().total() == 900


def test_only_the_accounts_that_are_asked_for(link_archiver, address, truth) -> None:
    """--account may be given several times, in any order; an unknown one is refused before
    anything is fetched, with the names that there are.
    """
    archive = TestArchive(link_archiver.folder, address, names=("a", "b", "c"))
    for unknown in (["--account", "d"], ["--account", "a", "--account", "A"]):
        told = link_archiver("run", *unknown, "--json", code=2)
        assert told.out == ""
        assert f"--account {unknown[-1]}: there is no such account" in told.err
        assert "there are: a, b, c" in told.err
    assert not archive.directory.exists()
    told = link_archiver("run", "--account", "c", "--account", "a", "--json")
    assert [account["name"] for account in told.json["accounts"]] == ["a", "c"]
    [a, b, c] = link_archiver("status", "--json").json["accounts"]
    assert (a["clicks"], b["clicks"], c["clicks"]) == (300, 0, 300)
    assert b["last_run"] is None


@pytest.mark.parametrize("order", [("bad", "well"), ("well", "bad")])
def test_an_account_that_fails_harms_no_other(link_archiver, address, truth, order) -> None:
    """Exit 3 and "partial"; the error names the account and the remedy, on stderr even with -q;
    the other account is archived whole.
    """
    archive = TestArchive(link_archiver.folder, address, names=order)
    before, bad, after = archive.path.read_text().partition('name = "bad"')
    archive.path.write_text(before + bad + after.replace(address, NO_HOST, 1))
    told = link_archiver("-q", "run", "--json", code=3)
    report = told.json
    accounts = {account["name"]: account for account in report["accounts"]}
    assert report["outcome"] == "partial"
    assert accounts["bad"]["outcome"] == "failed"
    assert accounts["bad"]["windows"] == 0
    assert accounts["well"]["outcome"] == "complete"
    assert accounts["well"]["new"] == 300
    [line] = told.events
    assert line == f"link-archiver: bad: {accounts['bad']['error']}"
    assert "no connection to the host. Check the network and the account's base_url" in line
    assert archive.clicks() == truth


def test_a_missing_password_is_told_before_anything_is_fetched(link_archiver, address) -> None:
    """Exit 2 with each account's reason, stdout empty, no archive begun."""
    archive = TestArchive(link_archiver.folder, address, names=("a", "b"))
    del link_archiver.environ["PASSWORD"]
    told = link_archiver("run", "--json", code=2)
    assert told.out == ""
    assert told.err.count("the environment variable PASSWORD isn't set; set it") == 2
    assert not archive.directory.exists()


def test_it_makes_no_difference_how_it_is_called(link_archiver, address, truth) -> None:
    """The console script is `python -m jobs`."""
    archive = TestArchive(link_archiver.folder, address)
    ended = subprocess.run(
        [CONSOLE_SCRIPT, "--config", archive.path, "run"],
        env=link_archiver.environ,
        cwd="/",
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, b"", b"")
    assert archive.clicks() == truth


def test_with_closed_streams_all_is_archived(link_archiver, address) -> None:
    """Whoever closes them: nothing is written into what was opened in their places."""
    archive = TestArchive(link_archiver.folder, address)
    for closed in ("2>&-", "<&- >&- 2>&-"):
        shell = ["sh", "-c", f'exec "$@" {closed}', "sh"]
        link_archiver("backfill", "--from", "2024-05-01", "--to", "2024-05-02", before=shell)
    assert archive.status(NOW)["gaps"] == []
    assert not archive.differences(NOW)
    link_archiver("status", before=["sh", "-c", 'exec "$@" >&-', "sh"], code=3)


def _on_a_terminal(link_archiver, *arguments) -> str:
    """What remains on a terminal of the command's stderr, once the bars have been wiped out."""
    terminal, slave = pty.openpty()
    process = link_archiver.start(*arguments, stderr=slave)
    os.close(slave)
    shown = b""
    with suppress(OSError):  # at the end of a terminal's other side
        while chunk := os.read(terminal, 65536):
            shown += chunk
    os.close(terminal)
    assert process.communicate(timeout=60) == (b"", None)
    assert process.returncode == 0
    return _screen(shown.decode())


def _screen(shown: str) -> str:
    """The lines of a terminal after text with the cursor movements that a progress bar makes."""
    lines, row = [""], 0
    for part in re.split(r"(\x1b\[[0-9;?]*[A-Za-z]|\r|\n)", shown):
        match = re.fullmatch(r"\x1b\[([0-9;?]*)([A-Za-z])", part)
        if part == "\n":
            row += 1
            lines += [""] * (row + 1 - len(lines))
        elif match and match[2] == "A":
            row -= int(match[1] or 1)
        elif match and match[2] == "K":
            lines[row] = ""
        elif part != "\r" and not match:
            lines[row] += part
    return "\n".join(lines).strip()


@pytest.mark.parametrize("emptied", [True, False])
def test_an_empty_folder_is_told(link_archiver, address, emptied) -> None:
    """All would begin anew where a disk isn't mounted: cron's mail says so, once."""
    archive = TestArchive(link_archiver.folder, address)
    archive.directory.mkdir()
    if emptied:
        (archive.directory / "archive.db").touch()
    told = link_archiver("run").err
    assert told.startswith(
        f"link-archiver: warning: {archive.directory} has no archive: a new one"
    )
    assert told.endswith("whether its disk is mounted\n")
    assert link_archiver("run").err == ""


def test_since_that_has_not_come_yet_is_told(link_archiver, address) -> None:
    """It may be mistyped: nothing would be archived until then."""
    TestArchive(link_archiver.folder, address, since="2999-01-01")
    told = link_archiver("run").err
    assert "acme: warning: since (2999-01-01T00:00:00Z) hasn't come yet by this machine's" in told


def test_a_password_that_cannot_be_read_harms_no_other_account(link_archiver, address) -> None:
    """Exit 3, the reason is told, and it is in the ledger and the report as of that account."""
    archive = TestArchive(link_archiver.folder, address, names=("acme", "bees"))
    first, second, third = archive.path.read_text().split('password_env = "PASSWORD"')
    archive.path.write_text(
        f'{first}password_env = "UNSET"{second}password_env = "PASSWORD"{third}'
    )
    told = link_archiver("run", "--json", code=3)
    assert "acme: account acme: password_env: the environment variable UNSET isn't set" in told.err
    assert [each["outcome"] for each in told.json["accounts"]] == ["failed", "complete"]
    assert archive.clicks().total() == 300
    status = link_archiver("status", "--json").json["accounts"]
    assert [each["last_run"]["outcome"] for each in status] == ["failed", "complete"]
    told = link_archiver("run", "--account", "acme", "--json", code=2)
    assert (told.out, told.err.count("UNSET isn't set")) == ("", 1)
