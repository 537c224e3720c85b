"""`verify` and `repair` as commands: what they print, where, and their exit codes."""

import os
import signal
from datetime import UTC, datetime, timedelta

import pytest
from e2e.processes import watching
from support.archive import TestArchive
from support.damage import DAMAGES, day_file, execute

from jobs.lock import hold
from refserver.database import NewClick

START = datetime(2024, 5, 1, tzinfo=UTC)
DAY = timedelta(days=1)
DAMAGED = "2024-05-02"
BACKFILL = ("backfill", "--from", "2024-05-01", "--to", "2024-05-04")
REPAIR = ("repair", "--account", "acme", "--day", DAMAGED)
DAMAGE = {"sqlite": "row deleted", "jsonl": "file truncated"}

stores = pytest.mark.parametrize("store", ["sqlite", "jsonl"])


@pytest.fixture
def full(service):
    """A service whose clicks are all of three days, long ago."""
    service.populate(200, START, START + 3 * DAY)
    return service


@stores
def test_from_damage_to_repair(link_archiver, full, store) -> None:
    """Intact: 0 and silence. Damaged: 4, a line a difference on stdout, the remedy on stderr. The
    remedy as it is printed mends it.
    """
    with full.serving() as address:
        archive = TestArchive(link_archiver.folder, address, store=store)
        link_archiver(*BACKFILL)
        told = link_archiver("verify")
        assert (told.out, told.err) == ("", "")
        before = archive.export()
        DAMAGES[store][DAMAGE[store]](archive, DAMAGED)
        told = link_archiver("verify", code=4)
        lines = told.out.splitlines()
        assert len(lines) > 1
        assert all(line.startswith(f"acme {DAMAGED}: ") for line in lines)
        assert any(": clicks: expected " in line for line in lines)
        [remedy] = told.err.splitlines()
        assert remedy == f"link-archiver: to mend it: link-archiver {' '.join(REPAIR)}"
        told = link_archiver(*remedy.split()[5:])
        assert f"acme {DAMAGED}: " in told.out
        assert "the digest shows that all that was committed is there again" in told.out
        assert told.err == ""
        assert link_archiver("verify").out == ""
        told = link_archiver(*REPAIR)
        assert "clicks are as committed: nothing was changed" in told.out
    assert archive.export() == before
    last = link_archiver.status()["last_run"]
    assert (last["outcome"], last["error"]) == ("complete", None)
    assert archive.query("SELECT command FROM runs") == [("backfill",), ("repair",), ("repair",)]


@stores
def test_an_account_that_is_not_configured_can_not_be_repaired(link_archiver, full, store) -> None:
    """So nobody is told to, but what to do first; then the remedy as it is printed mends it."""
    with full.serving() as address:
        both = TestArchive(link_archiver.folder, address, store=store, names=("acme", "other"))
        link_archiver(*BACKFILL)
        TestArchive(link_archiver.folder, address, store=store, names=("other",))
        execute(both, f"UPDATE days SET clicks = 7 WHERE (account, day) = ('acme', '{DAMAGED}')")
        [said] = link_archiver("verify", code=4).err.splitlines()
        assert said.startswith("link-archiver: acme isn't configured: to repair its days, put")
        both.write_config(address)
        [remedy] = link_archiver("verify", code=4).err.splitlines()
        link_archiver(*remedy.split()[5:])
        assert link_archiver("verify").out == ""


@stores
def test_the_json_document(link_archiver, full, store) -> None:
    """One document with the outcome, the accounts, and each difference."""
    with full.serving() as address:
        archive = TestArchive(link_archiver.folder, address, store=store, names=("acme", "other"))
        link_archiver(*BACKFILL)
    execute(archive, f"UPDATE days SET clicks = 7 WHERE (account, day) = ('acme', '{DAMAGED}')")
    [(clicks,)] = archive.query(
        f"SELECT clicks FROM days WHERE (account, day) = ('other', '{DAMAGED}')"
    )
    told = link_archiver("verify", "--json", code=4)
    assert told.json == {
        "outcome": "different",
        "accounts": [
            {"name": "acme", "days": 3, "clicks": 200, "differences": 1, "error": None},
            {"name": "other", "days": 3, "clicks": 200, "differences": 0, "error": None},
        ],
        "differences": [
            {"account": "acme", "day": DAMAGED, "what": "clicks", "expected": 7, "found": clicks,
             "keys": []},
        ],
        "notes": [],
    }  # fmt: skip
    told = link_archiver("verify", "--json", "--account", "other")
    assert (told.json["outcome"], told.err) == ("intact", "")
    assert link_archiver("verify", "--json", "--to", "2024-05-02").json["accounts"][0]["days"] == 1


@stores
def test_against_the_source(link_archiver, full, store) -> None:
    """A line a difference with the clicks' keys; 3 where the service can't be reached, 4 where
    anything differs.
    """
    with full.serving() as address:
        archive = TestArchive(link_archiver.folder, address, store=store)
        link_archiver(*BACKFILL)
        told = link_archiver("verify", "--against-source")
        assert (told.out, told.err) == ("", "")
        full.record([NewClick(1, START + DAY, "::1")])
        told = link_archiver("verify", "--against-source", code=4)
        [line] = told.out.splitlines()
        assert line.startswith(
            f"acme {DAMAGED}: clicks that the service has and the archive hasn't: expected 0, "
            "found 1 (id:2024-05-02T00:00:00Z:"
        )
        assert "link-archiver backfill --again" in told.err
        [difference] = link_archiver("verify", "--against-source", "--json", code=4).json[
            "differences"
        ]
        assert (difference["what"], difference["found"]) == ("missing", 1)
        link_archiver(*BACKFILL, "--again")
        assert link_archiver("verify", "--against-source", "--from", "2024-05-02").out == ""
    told = link_archiver("verify", "--against-source", "--json", code=3)
    assert told.json["outcome"] == "incomplete"
    assert told.json["accounts"][0]["error"] in told.err.replace("link-archiver: acme: ", "")
    told = link_archiver(*REPAIR, code=3)
    assert told.out == ""
    assert told.err.startswith("link-archiver: acme: http://127.0.0.1:")
    assert link_archiver("verify").out == ""
    assert archive.query("SELECT outcome FROM runs ORDER BY id DESC LIMIT 1") == [("failed",)]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["repair", "--account", "acme"], "Missing option '--day'"),
        (["repair", "--day", "2024-05-01"], "Missing option '--account'"),
        (["repair", "--account", "acme", "--day", "yesterday"], "--day 'yesterday' is no day"),
        (["repair", "--account", "acme", "--day", "2024-02-30"], "--day '2024-02-30' is no day"),
        (["repair", "--account", "bees", "--day", "2024-05-01"], "there are: acme"),
        (["repair", "--account", "acme", "--day", "2024-05-01"], "there is no archive in"),
        (["verify", "--account", "bees", "--against-source"], "there are: acme"),
        (["verify", "--against-source", "--from", "10"], "--from: not a time: '10'"),
    ],
)
def test_calls_that_cannot_be_done(link_archiver, arguments, said) -> None:
    """Exit 2, stdout empty, nothing is begun."""
    archive = TestArchive(link_archiver.folder, "http://127.0.0.1:1/")
    told = link_archiver(*arguments, code=2)
    assert told.out == ""
    assert said in told.err
    assert not archive.directory.exists()


@pytest.mark.parametrize("arguments", [["verify"], ["verify", "--json", "--against-source"]])
def test_without_an_archive_nothing_is_proven(link_archiver, arguments) -> None:
    """Exit 3, stdout empty: a directory that is wrong is no intact archive."""
    TestArchive(link_archiver.folder, "http://127.0.0.1:1/")
    told = link_archiver(*arguments, code=3)
    assert told.out == ""
    assert "there is no archive in" in told.err


def test_accounts_and_periods_that_are_none(link_archiver, full) -> None:
    """Exit 2 with what there is; an account that was never archived has nothing that differs."""
    with full.serving() as address:
        TestArchive(link_archiver.folder, address)
        link_archiver(*BACKFILL)
        TestArchive(link_archiver.folder, address, names=("acme", "new"))
        assert "there are: acme, new" in link_archiver("verify", "--account", "x", code=2).err
        told = link_archiver("verify", "--to", "2024-05-01", "--from", "2024-05-02", code=2)
        assert "--to 2024-05-01 isn't after --from 2024-05-02" in told.err
        assert link_archiver("verify", "--account", "new", "--json").json["accounts"] == []


def test_while_a_run_is_at_work(link_archiver, full) -> None:
    """`verify` and `verify --against-source` go on beside it; `repair` waits for its turn: 75."""
    with watching(full) as (watched, address):
        archive = TestArchive(link_archiver.folder, address, concurrency=1, store="jsonl")
        link_archiver("backfill", "--from", "2024-05-01", "--to", "2024-05-03")
        before = len(watched.starts)
        watched.holds_up = lambda number: number == before + 1
        run = link_archiver.start("backfill", "--from", "2024-05-03", "--to", "2024-05-04")
        watched.wait_for(run)
        assert link_archiver("verify").out == ""
        assert link_archiver("verify", "--against-source").out == ""
        assert "is held: process" in link_archiver(*REPAIR, code=75).err
        watched.gate.set()
        assert link_archiver.end(run).code == 0
    assert archive.clicks() == full.clicks_between(START, START + 3 * DAY)


def test_reading_needs_no_lock(link_archiver, full) -> None:
    """Nor does it touch it."""
    with full.serving() as address:
        archive = TestArchive(link_archiver.folder, address)
        link_archiver(*BACKFILL)
        with hold(archive.directory):
            assert link_archiver("verify").out == ""


def test_on_a_terminal(link_archiver, full) -> None:
    """A bar while it works, and what it comes to."""
    with full.serving() as address:
        TestArchive(link_archiver.folder, address)
        link_archiver(*BACKFILL)
    ours, theirs = os.openpty()
    process = link_archiver.start("verify", stderr=theirs)
    os.close(theirs)
    assert process.wait(60) == 0
    shown = os.read(ours, 100_000).decode()
    os.close(ours)
    assert "clicks" in shown
    assert "1 account, 3 days, 200 clicks: nothing differs" in shown
    assert link_archiver.end(process).out == ""


def test_an_id_cannot_write_to_the_terminal(link_archiver, full) -> None:
    """Whatever the service sent as one."""
    with full.serving() as address:
        archive = TestArchive(link_archiver.folder, address, format="json")
        link_archiver(*BACKFILL)
        one = "WHERE key = (SELECT max(key) FROM clicks)"
        execute(archive, f"UPDATE clicks SET key = key || char(27, 91, 50, 74, 10) {one}")
        told = link_archiver("verify", "--against-source", code=4)
    assert "\\x1b[2J\\n" in told.out
    assert "\x1b" not in told.out


def test_a_torn_end_is_a_note(link_archiver, full) -> None:
    """What a crash left beyond what counts is no difference; who asks for more words is told."""
    with full.serving() as address:
        archive = TestArchive(link_archiver.folder, address, store="jsonl")
        link_archiver(*BACKFILL)
    with day_file(archive, DAMAGED).open("ab") as file:
        file.write(b"torn")
    assert link_archiver("verify").err == ""
    assert "its last 4 bytes were never committed" in link_archiver("-v", "verify").err
    [note] = link_archiver("verify", "--json").json["notes"]
    assert note.startswith(str(day_file(archive, DAMAGED)))


def test_what_could_not_be_had_again_is_said(link_archiver, full) -> None:
    """The service has deleted its clicks: exit 3, and an error says how many are lost for good."""
    with full.serving() as address:
        archive = TestArchive(link_archiver.folder, address, store="jsonl")
        link_archiver(*BACKFILL)
        DAMAGES["jsonl"]["garbage over a line"](archive, DAMAGED)
        with full.database.writing() as connection:
            connection.execute("DELETE FROM clicks")
        told = link_archiver(*REPAIR, code=3)
    assert "could be had: the service doesn't give the others any more" in told.err
    assert "lines or rows were no clicks and are removed" in told.out
    assert f"is kept in {day_file(archive, DAMAGED)}.damaged" in told.out
    assert link_archiver("verify").out == ""


@pytest.mark.parametrize("command", [REPAIR, ("verify", "--against-source")])
def test_ended_by_a_signal(link_archiver, full, command) -> None:
    """128 and the signal's number; nothing is changed, and the next repair works."""
    with watching(full) as (watched, address):
        archive = TestArchive(link_archiver.folder, address, store="jsonl")
        link_archiver(*BACKFILL)
        DAMAGES["jsonl"]["file truncated"](archive, DAMAGED)
        before = len(watched.starts)
        watched.holds_up = lambda number: number == before + 2
        process = link_archiver.start(*command)
        watched.wait_for(process)
        process.send_signal(signal.SIGTERM)
        assert link_archiver.end(process).code == 128 + signal.SIGTERM
        watched.gate.set()
        assert link_archiver("verify", code=4).out != ""
        link_archiver(*REPAIR)
        link_archiver("verify")
