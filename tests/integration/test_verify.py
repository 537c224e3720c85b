"""`verify`: what differs is named, whatever it is, and a run at work raises no alarm."""

from collections.abc import Callable
from datetime import datetime, timedelta
from threading import Event, Thread

import pytest
from support.archive import TestArchive
from support.damage import DAMAGES, day_file, execute
from support.verifying import DAMAGED, DAY, EMPTY, NOW, START, found, repair, verify

from archiver.errors import CorruptArchiveError, StoreError
from refserver.database import NewClick
from storage.verification.jsonl import JsonlDays
from storage.verification.sqlite import SqliteDays

stores = pytest.mark.parametrize("store", ["sqlite", "jsonl"])


@stores
def test_revisions_are_no_differences(utc, archived, store):
    """A click that came back changed is as it was committed."""
    with utc.serving() as url:
        archive = archived(store, url)
        with utc.database.writing() as connection:
            connection.execute("UPDATE clicks SET country = 'AQ', conversion = '5'")
        archive.backfill("2025-09-01", "2025-09-05", NOW, again=True)
        assert archive.query("SELECT count(*) FROM click_revisions") == [(400,)]
        assert verify(archive).outcome == "intact"
        assert repair(archive).sound


# The database


def test_a_damaged_page_is_named(utc, archived):
    """What SQLite finds, and which day can't be read; a repair doesn't write to it."""
    with utc.serving() as url:
        archive = archived("sqlite", url)
        [(root,)] = archive.query("SELECT rootpage FROM sqlite_schema WHERE name = 'clicks'")
        [(size,)] = archive.query("PRAGMA page_size")
        path = archive.directory / "archive.db"
        data = bytearray(path.read_bytes())
        page = int.from_bytes(data[(root - 1) * size + 8 :][:4])  # its rightmost child
        data[(page - 1) * size : page * size] = b"\xff" * size
        path.write_bytes(bytes(data))
        verdict = verify(archive)
        assert verdict.exit_code == 4
        assert ("acme", "2025-09-04", "database") in found(verdict)
        assert (None, None, "database") in found(verdict)
        with pytest.raises(CorruptArchiveError, match=r"malformed"):
            repair(archive, "2025-09-04")
    assert path.read_bytes() == bytes(data)


@stores
def test_a_damaged_ledger_is_named(utc, archived, store):
    """Where its pages can't be read, that is all that can be said, and it is a difference."""
    with utc.serving() as url:
        archive = archived(store, url)
    [(root,)] = archive.query("SELECT rootpage FROM sqlite_schema WHERE name = 'days'")
    [(size,)] = archive.query("PRAGMA page_size")
    with (archive.directory / "archive.db").open("r+b") as file:
        file.seek((root - 1) * size)
        file.write(b"\xff" * size)
    verdict = verify(archive)
    assert verdict.exit_code == 4
    assert set(found(verdict)) == {(None, None, "database")}


def test_what_is_no_database_cannot_be_read(utc, archived):
    """Exit 3: nothing can be said of it."""
    with utc.serving() as url:
        archive = archived("sqlite", url)
    (archive.directory / "archive.db").write_bytes(b"no database" * 1000)
    with pytest.raises(CorruptArchiveError, match="not a database"):
        verify(archive)


@pytest.mark.parametrize(
    ("change", "names"),
    [
        ("DROP TABLE totals", ["totals"]),
        ("DROP VIEW clicks_per_day", ["clicks_per_day"]),
        ("DROP INDEX runs_of_account", ["runs_of_account"]),
        ("ALTER TABLE links DROP COLUMN gone_at", ["links"]),
        ("ALTER TABLE days ADD COLUMN colour TEXT", ["days"]),
        (
            "DROP TABLE _sqlite_migrations",
            ["_sqlite_migrations", "idx__sqlite_migrations_migration_set_name"],
        ),
    ],
)
def test_an_altered_table_is_named(utc, archived, change, names):
    """With what it should be; a table of somebody's own is no difference."""
    with utc.serving() as url:
        archive = archived("sqlite", url)
    execute(archive, "CREATE TABLE clicks_copy AS SELECT * FROM clicks")
    assert verify(archive).outcome == "intact"
    execute(archive, change)
    differences = verify(archive).differences
    assert [each.expected.split(":")[0] for each in differences] == names
    assert {each.what for each in differences} == {"table"}


@pytest.mark.parametrize("table", ["clicks", "coverage", "runs"])
def test_a_trigger_of_another_program_is_named(utc, archived, table):
    """On a table of the archive's; one on a table of somebody's own is no difference."""
    with utc.serving() as url:
        archive = archived("sqlite", url)
    trigger = f"AFTER INSERT ON {{}} BEGIN DELETE FROM {table}; END"
    execute(archive, "CREATE TABLE notes AS SELECT * FROM runs")
    execute(archive, f"CREATE TRIGGER mine {trigger.format('notes')}")
    assert verify(archive).outcome == "intact"
    execute(archive, f"CREATE TRIGGER theirs {trigger.format(table)}")
    [difference] = verify(archive).differences
    assert (difference.what, difference.found) == ("trigger", f"theirs on {table}")
    execute(archive, "DROP TRIGGER theirs")
    assert verify(archive).outcome == "intact"


def test_a_dropped_table_of_clicks_is_named(utc, archived):
    """The days that are gone with it, too."""
    with utc.serving() as url:
        archive = archived("sqlite", url)
    execute(
        archive,
        *(f"DROP VIEW clicks_per_{name}" for name in ("day", "link", "country", "referrer")),
        "DROP TABLE clicks",
    )
    verdict = verify(archive)
    assert [each.what for each in verdict.differences].count("clicks") == 4
    assert {each.what for each in verdict.differences} == {"clicks", "table"}


def test_rows_of_nobody_are_named(utc, archived):
    """Of an account that the ledger doesn't know, and of one that is no text."""
    with utc.serving() as url:
        archive = archived("sqlite", url)
    one = "WHERE key = (SELECT min(key) FROM clicks WHERE account = 'acme')"
    execute(archive, f"UPDATE clicks SET account = 'ghost' {one}")
    execute(archive, f"UPDATE clicks SET account = '' {one}")
    execute(archive, f"UPDATE clicks SET account = x'ff' {one}")
    verdict = verify(archive)
    assert [account.name for account in verdict.accounts] == ["acme", "ghost"]
    unknown = [each for each in verdict.differences if each.account != "acme"]
    assert sorted((each.account, each.what, each.found) for each in unknown) == [
        ("", "unreadable", 1), ("\\xff", "unreadable", 1), ("ghost", "clicks", 1),
    ]  # fmt: skip


# Coverage


@stores
def test_coverage_that_overlaps_is_named_and_mended(utc, archived, store):
    """By the next repair, as by the next run."""
    with utc.serving() as url:
        archive = archived(store, url)
        execute(
            archive,
            "INSERT INTO coverage VALUES ('acme', '2025-09-01T12:00:00Z', '2025-09-01T13:00:00Z')",
            "INSERT INTO coverage VALUES ('acme', '2025-09-02T12:00:00Z', '2025-09-06T00:00:00Z')",
        )
        verdict = verify(archive)
        assert found(verdict) == [
            ("acme", "2025-09-01", "coverage"),
            ("acme", DAMAGED, "coverage"),
        ]
        assert "none before 2025-09-05T00:00:00Z" in verdict.differences[0].expected
        assert repair(archive).report.errors == []
        assert verify(archive).outcome == "intact"
    assert archive.status(NOW)["covered"] == [
        {"start": "2025-08-31T00:00:00Z", "end": "2025-09-06T00:00:00Z"}
    ]


def test_coverage_of_the_future_is_named(utc, archived):
    """And coverage that is no time; nothing of it keeps days from being looked at."""
    with utc.serving() as url:
        archive = archived("jsonl", url)
    execute(
        archive,
        "INSERT INTO coverage VALUES ('acme', '2025-09-09T00:00:00Z', '2025-09-11T00:00:00Z')",
        "INSERT INTO coverage VALUES ('acme', 'soon', 'then')",
    )
    DAMAGES["jsonl"]["file missing"](archive, DAMAGED)
    verdict = verify(archive)
    assert [(each.day, each.what) for each in verdict.differences] == [
        ("2025-09-09", "coverage"), (None, "coverage"), (DAMAGED, "bytes"), (DAMAGED, "clicks"),
    ]  # fmt: skip


# Files


def test_a_file_that_the_ledger_does_not_know(utc, archived):
    """Of a day that is archived whole it is a difference, and a repair moves it aside; of another
    it is what a run left or is writing: a note. So is a torn end.
    """
    with utc.serving() as url:
        archive = archived("jsonl", url)
        before = archive.export()
        line = day_file(archive, DAMAGED).read_bytes().splitlines(keepends=True)[0]
        extra = day_file(archive, EMPTY)
        extra.write_bytes(line)
        day_file(archive, "2025-09-07").write_bytes(line)
        day_file(archive, "2025-09-08").touch()
        with day_file(archive, DAMAGED).open("ab") as file:
            file.write(line[:50])
        (archive.directory / "clicks" / "notes.jsonl").write_bytes(line)
        verdict = verify(archive)
        assert found(verdict) == [(None, None, "file"), ("acme", EMPTY, "file")]
        assert [note.split(": ")[1] for note in verdict.notes] == [
            "its last 50 bytes were never committed, and don't count",
            f"{len(line)} bytes were never committed",
        ]
        assert repair(archive, EMPTY).clicks == 0
        (archive.directory / "clicks" / "notes.jsonl").unlink()
        assert verify(archive).outcome == "intact"
        assert archive.run(NOW).outcome == "complete"
        assert repair(archive).sound is False
        assert verify(archive).notes[0].startswith(str(day_file(archive, "2025-09-07")))
    assert extra.with_name(f"{extra.name}.torn").read_bytes() == line
    assert day_file(archive, DAMAGED).with_name(f"{DAMAGED}.jsonl.torn").read_bytes() == line[:50]
    assert archive.export() == before


def test_an_archive_without_its_ledger_cannot_be_verified(utc, archived):
    """Nor one that isn't there: to say that nothing differs would be wrong."""
    with utc.serving() as url:
        archive = archived("jsonl", url)
    (archive.directory / "archive.db").unlink()
    with pytest.raises(CorruptArchiveError, match=r"has day files"):
        verify(archive)
    (archive.directory / "clicks").rename(archive.directory.parent / "elsewhere")
    with pytest.raises(StoreError, match="there is no archive in"):
        verify(archive)


# What is asked for


@stores
def test_a_period_and_accounts_bound_what_is_looked_at(utc, tmp_path, store):
    """A day that the period touches is looked at whole; other days and accounts aren't."""
    utc.populate(400, START, START + 4 * DAY)
    with utc.serving() as url:
        archive = TestArchive(tmp_path / "a", url, store=store, names=("acme", "other"))
        archive.backfill("2025-09-01", "2025-09-05", NOW)
    execute(archive, f"UPDATE days SET clicks = 0 WHERE day = '{DAMAGED}'")
    verdict = verify(archive, "acme", start="2025-09-02T12:00", end="2025-09-03T00:00:01")
    assert found(verdict) == [("acme", DAMAGED, "clicks")]
    assert [(each.name, each.days) for each in verdict.accounts] == [("acme", 2)]
    assert verify(archive, start="2025-09-03").outcome == "intact"
    assert verify(archive, "other", end="2025-09-02").outcome == "intact"
    assert found(verify(archive, "other")) == [("other", DAMAGED, "clicks")]


def test_rows_of_no_day_are_looked_at_by_account(utc, tmp_path):
    """Those of an account that isn't asked for are no differences of another one."""
    utc.populate(100, START, START + DAY)
    with utc.serving() as url:
        archive = TestArchive(tmp_path / "a", url, names=("acme", "other"))
        archive.backfill("2025-09-01", "2025-09-02", NOW)
    execute(archive, "UPDATE clicks SET clicked_at = 'noon' WHERE account = 'other'")
    assert verify(archive, "acme").outcome == "intact"
    assert found(verify(archive, "other")) == [
        ("other", None, "unreadable"), ("other", "2025-09-01", "clicks"),
    ]  # fmt: skip


@stores
def test_progress_is_told(utc, archived, store):
    """Up to all clicks that the ledger has."""
    with utc.serving() as url:
        archive = archived(store, url)
    told: list[tuple[int, int]] = []
    verify(archive, progress=lambda done, of: told.append((done, of)))
    assert told[-1] == (400, 400)
    assert told == sorted(told)


# Meanwhile


@stores
def test_a_run_at_work_raises_no_alarm(utc, tmp_path, store):
    """Whatever is committed, appended and not yet committed while it is looked at."""
    utc.populate(3000, START, START + 4 * DAY)
    with utc.serving() as url:
        archive = TestArchive(tmp_path / "a", url, store=store, page_size=100)
        archive.backfill("2025-09-01", "2025-09-02", NOW)
        ended = Event()

        def backfill() -> None:
            for hour in range(36):
                start = START + DAY + timedelta(hours=hour)
                end = start + timedelta(hours=1)
                archive.backfill(start.isoformat(), end.isoformat(), NOW)
            ended.set()

        thread = Thread(target=backfill)
        thread.start()
        verdicts = [verify(archive)]
        while not ended.is_set():
            verdicts.append(verify(archive))
        thread.join()
        verdicts.append(verify(archive))
    assert [verdict.differences for verdict in verdicts] == [[]] * len(verdicts)
    assert (
        verdicts[-1].accounts[0].clicks
        == utc.clicks_between(START, START + DAY + timedelta(hours=36)).total()
    )


@stores
def test_a_run_that_commits_at_each_look_raises_no_alarm(utc, archived, store, monkeypatch):
    """What the ledger says and what is stored are of one instant."""
    days = {"sqlite": SqliteDays, "jsonl": JsonlDays}[store]
    look = days.look
    late = iter(range(100))

    def look_after_a_commit(self, account, day, *rest):
        at = datetime.fromisoformat(f"{day}T12:00:00Z")
        utc.record([NewClick(1, at, f"::{next(late):x}")])
        archive.backfill(day, str(at.date() + DAY), NOW, again=True)
        return look(self, account, day, *rest)

    with utc.serving() as url:
        archive = archived(store, url)
        monkeypatch.setattr(days, "look", look_after_a_commit)
        assert verify(archive).outcome == "intact"
    assert next(late) >= 4


def test_a_repair_meanwhile_raises_no_alarm(utc, archived, monkeypatch):
    """A file that is replaced after the ledger was read is looked at again."""
    with utc.serving() as url:
        archive = archived("jsonl", url)
        DAMAGES["jsonl"]["line deleted"](archive, DAMAGED)
        assert verify(archive).outcome == "different"
        _once_before(
            monkeypatch, "storage.verification.jsonl.open_committed", lambda: repair(archive)
        )
        assert verify(archive).outcome == "intact"


def _once_before(monkeypatch, name: str, act: Callable[[], object]) -> None:
    """Do something just before a function is called for the first time."""
    module, _, attribute = name.rpartition(".")
    inner = getattr(__import__(module, fromlist=[attribute]), attribute)
    done: list[bool] = []

    def outer(*arguments):
        if not done:
            done.append(True)
            act()
        return inner(*arguments)

    monkeypatch.setattr(name, outer)
