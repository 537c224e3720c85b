"""Opening `archive.db`, transactions that are whole or not, and what stands in the way."""

import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlite_utils import Database
from support.clicks import changed, click

from archiver.errors import ConfigError, CorruptArchiveError, StoreError
from archiver.identity import reconcile
from archiver.model import Row, Window
from archiver.store import Commit
from archiver.timestamps import format_utc
from storage import database
from storage.database import (
    add_clicks,
    open_database,
    open_read_only,
    store_errors,
    transaction,
)
from storage.opening import Archive, open_archive
from storage.reading import open_reader

NOON = datetime(2026, 11, 19, 12, tzinfo=UTC)
HOUR = Window(NOON, NOON + timedelta(hours=1))


@pytest.fixture
def connection(tmp_path):
    with closing(open_database(tmp_path)) as opened:
        opened.execute("CREATE TABLE t (x)")
        yield opened


def slice_of(rows: list[Row]) -> Commit:
    found = reconcile({}, rows)
    return Commit("acme", HOUR, found.new, found.new_keys, found.revised, NOON)


def count(connection: sqlite3.Connection, table: str = "t") -> int:
    return connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0]


def lock(directory: Path) -> sqlite3.Connection:
    """Another program that holds the database."""
    other = sqlite3.connect(directory / "archive.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    return other


# Transactions


def test_a_transaction_is_committed(connection):
    """All within is there afterwards, and no transaction is left open."""
    with transaction(connection):
        connection.execute("INSERT INTO t VALUES (1)")
        connection.execute("INSERT INTO t VALUES (2)")
    assert count(connection) == 2
    assert not connection.in_transaction


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, SystemExit, sqlite3.Error])
def test_a_transaction_that_fails_leaves_nothing(connection, error):
    """Whatever ends it, nothing of it is kept, and the next one works."""

    def fail() -> None:
        with transaction(connection):
            connection.execute("INSERT INTO t VALUES (1)")
            raise error

    with pytest.raises(error):
        fail()
    assert count(connection) == 0
    with transaction(connection):
        connection.execute("INSERT INTO t VALUES (1)")
    assert count(connection) == 1


def test_nobody_sees_half_a_transaction(connection, tmp_path):
    """A reader sees the state before, until all is there."""
    with closing(open_read_only(tmp_path)) as reader:
        with transaction(connection):
            connection.execute("INSERT INTO t VALUES (1)")
            assert count(reader) == 0
        assert count(reader) == 1


def test_a_transaction_takes_the_lock_at_once(connection, tmp_path):
    """Nobody else writes between its first reading and its first writing."""
    with (
        closing(sqlite3.connect(tmp_path / "archive.db", timeout=0.01)) as other,
        transaction(connection),
        pytest.raises(sqlite3.OperationalError, match="locked"),
    ):
        other.execute("BEGIN IMMEDIATE")


# Opening


def test_opening_makes_the_archive(tmp_path):
    """Folders and all; and a second time it is opened as it is."""
    directory = tmp_path / "a" / "b"
    open_database(directory).close()
    with closing(open_database(directory)) as connection:
        add_clicks(connection, directory)
        add_clicks(connection, directory)
        assert {"coverage", "days", "runs", "links", "clicks"} <= set(
            Database(connection).table_names()
        )


def test_commits_are_durable(connection):
    """A write-ahead log, and each commit synced."""
    assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    assert connection.execute("PRAGMA synchronous").fetchone() == (2,)


@pytest.mark.parametrize("content", [b"not a database" * 100, b"SQLite format 3\0" + b"x" * 4096])
def test_a_file_that_is_no_database_is_corruption(tmp_path, content):
    """The error names the operation, the file and the remedy; the file stays as it is."""
    path = tmp_path / "archive.db"
    path.write_bytes(content)
    said = r"can't open .*archive\.db: file is not a database.*put it back from a copy"
    with pytest.raises(CorruptArchiveError, match=said):
        open_database(tmp_path)
    with pytest.raises(CorruptArchiveError, match=said):
        open_read_only(tmp_path)
    assert path.read_bytes() == content


def test_a_directory_that_is_a_file_is_a_store_error(tmp_path):
    """Where the archive should be, there is something else."""
    (tmp_path / "archive").write_bytes(b"")
    with pytest.raises(StoreError, match="File exists"):
        open_database(tmp_path / "archive")


def test_the_archive_is_closed_whatever_happens(tmp_path):
    """After an exception within, nothing holds the database any more."""

    def fail() -> None:
        with open_archive(tmp_path, "sqlite") as archive:
            archive.connection.execute("BEGIN IMMEDIATE")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    lock(tmp_path).close()
    with open_archive(tmp_path, "sqlite") as archive:
        archive.store.commit(slice_of([]))
    with pytest.raises(ConfigError):
        open_archive(tmp_path, "jsonl").__enter__()
    lock(tmp_path).close()


def test_day_files_without_their_ledger_are_no_new_archive(tmp_path):
    """The ledger says what of them counts: both ways out are named, and nothing is made."""
    with open_archive(tmp_path, "jsonl") as archive:
        archive.store.commit(slice_of([click("2026-11-19T12:00:00Z")]))
    for file in tmp_path.glob("archive.db*"):
        file.unlink()
    for kind in ("jsonl", "sqlite"):
        with pytest.raises(CorruptArchiveError, match=r"2026-11-19\.jsonl, but no archive\.db"):
            open_archive(tmp_path, kind).__enter__()
    assert [path.name for path in tmp_path.iterdir()] == ["clicks"]
    (tmp_path / "clicks").rename(tmp_path / "old clicks")
    with open_archive(tmp_path, "jsonl") as archive:
        assert archive.ledger.coverage("acme") == []


@pytest.mark.parametrize("put_another", [False, True])
def test_a_database_that_was_taken_away_is_noticed(tmp_path, put_another):
    """Moved or deleted, or another in its place: what was written may be lost, and is told so."""
    with open_archive(tmp_path / "a", "sqlite") as archive:
        archive.in_place.check()
        (tmp_path / "a").rename(tmp_path / "b")
        if put_another:
            open_database(tmp_path / "a").close()
        with pytest.raises(StoreError, match=r"a/archive\.db was moved or deleted while this run"):
            archive.in_place.check()


# Reading alone


def test_reading_writes_nothing(tmp_path, connection):
    """No statement that writes is taken, and no file changes."""
    with closing(open_read_only(tmp_path)) as reader:
        for statement in ("INSERT INTO t VALUES (1)", "DROP TABLE t", "CREATE TABLE u (x)"):
            with pytest.raises(sqlite3.OperationalError, match="readonly"):
                reader.execute(statement)
    assert count(connection) == 0


def test_reading_makes_no_archive(tmp_path):
    """Where there is none, there is none afterwards."""
    assert open_read_only(tmp_path / "none") is None
    assert open_read_only(tmp_path) is None
    assert list(tmp_path.iterdir()) == []


def test_reading_goes_on_while_another_writes(tmp_path, connection):
    """A writer in the middle of its transaction holds no reader up."""
    with (
        closing(lock(tmp_path)) as other,
        closing(open_read_only(tmp_path)) as reader,
    ):
        other.execute("INSERT INTO t VALUES (1)")
        assert count(reader) == 0


@pytest.mark.parametrize("name", ["a b", "what?", "50%", "#1", "é"])
def test_any_name_of_a_folder_can_be_read(tmp_path, name):
    """A path isn't taken for an address, whatever characters are in it."""
    with closing(open_database(tmp_path / name)) as connection:
        connection.execute("CREATE TABLE t (x)")
    with closing(open_read_only(tmp_path / name)) as reader:
        assert count(reader) == 0


def test_a_reader_without_rights_to_the_folder_reads_all_the_same(tmp_path, monkeypatch):
    """Who may not make the files that are shared with a writer reads a file that rests."""
    with open_archive(tmp_path, "sqlite") as archive:
        archive.store.commit(slice_of([click()]))

    class Denied(sqlite3.Connection):
        def execute(self, *_: object) -> sqlite3.Cursor:
            raise sqlite3.OperationalError("unable to open database file")

    real = sqlite3.connect

    def connect(path: str, **options) -> sqlite3.Connection:
        if "immutable=1" in path:
            return real(path, **options)
        return real(path, factory=Denied, **options)

    monkeypatch.setattr(database.sqlite3, "connect", connect)
    with open_reader(tmp_path) as reader:
        assert reader is not None
        assert len(list(reader.clicks("acme", HOUR))) == 1
    (tmp_path / "archive.db-wal").write_bytes(b"")
    with pytest.raises(StoreError, match="unable to open"):
        open_reader(tmp_path).__enter__()


# In the way


@pytest.fixture
def impatient(monkeypatch):
    monkeypatch.setattr(database, "_BUSY_SECONDS", 0.05)


@pytest.fixture(params=["sqlite", "jsonl"])
def archive(request, tmp_path, impatient):
    with open_archive(tmp_path, request.param) as opened:
        yield opened


def test_a_locked_database_is_a_store_error(archive, tmp_path):
    """Another program holds it: the error says so, nothing is covered, and later it works."""
    given = slice_of([click()] * 2)
    with closing(lock(tmp_path)):
        with pytest.raises(StoreError, match=r": database is locked.*another program"):
            archive.store.commit(given)
        with pytest.raises(StoreError, match="locked"), archive.transaction():
            pass
    assert archive.ledger.coverage("acme") == []
    archive.store.commit(given)
    assert archive.ledger.coverage("acme") == [HOUR]
    assert len(archive.store.known_clicks("acme", HOUR)) == 2


def test_a_locked_database_cannot_be_opened(archive, tmp_path):
    """Nor does opening wait for ever."""
    with (
        closing(lock(tmp_path)),
        pytest.raises(StoreError, match="locked"),
        open_archive(tmp_path, "sqlite"),
    ):
        pass


def test_a_full_database_is_a_store_error(tmp_path):
    """Nothing of the slice is kept; with room again, the same slice is stored exactly."""
    rows = [click(id=str(number), user_agent="u" * 900) for number in range(50)]
    with open_archive(tmp_path, "sqlite") as archive:
        (pages,) = archive.connection.execute("PRAGMA page_count").fetchone()
        archive.connection.execute(f"PRAGMA max_page_count = {pages + 2}")
        with pytest.raises(StoreError, match="full"):
            archive.store.commit(slice_of(rows))
        assert archive.ledger.coverage("acme") == []
        assert archive.store.known_clicks("acme", HOUR) == {}
        archive.connection.execute("PRAGMA max_page_count = 100000")
        archive.store.commit(slice_of(rows))
        assert len(archive.store.known_clicks("acme", HOUR)) == 50
        assert count(archive.connection, "clicks") == 50


def test_a_key_that_is_stored_is_never_passed_over(tmp_path):
    """A commit that would lose a click without a word is refused whole."""
    first = slice_of([click(ip="1")])
    with open_archive(tmp_path, "sqlite") as archive:
        archive.store.commit(first)
        other = [changed(first.clicks[0], title="other")]
        window = Window(NOON, HOUR.end + timedelta(hours=1))
        again = Commit("acme", window, other, first.keys, {}, NOON)
        with pytest.raises(StoreError, match="stored already"):
            archive.store.commit(again)
        assert archive.ledger.coverage("acme") == [HOUR]


@pytest.mark.parametrize("place", [0, 199, 200, 450])
def test_a_key_among_many_that_is_stored_is_never_passed_over(tmp_path, place):
    """Wherever it stands in the slice; and nothing else of that slice is stored."""
    rows = [click(format_utc(NOON + timedelta(seconds=n)), id=str(n)) for n in range(451)]
    with open_archive(tmp_path, "sqlite") as archive:
        archive.store.commit(slice_of([rows[place]]))
        with pytest.raises(StoreError, match="stored already"):
            archive.store.commit(slice_of(rows))
        assert count(archive.connection, "clicks") == 1


@pytest.mark.parametrize("made_with", [4096, None])
def test_only_a_new_archive_has_large_pages(tmp_path, made_with):
    """One that was made with others is opened and written to as it is."""
    if made_with:
        with closing(sqlite3.connect(tmp_path / "archive.db")) as other:
            other.execute(f"PRAGMA page_size = {made_with}")
            other.execute("PRAGMA journal_mode = WAL")
            other.execute("CREATE TABLE t (x)")
    for _ in range(2):
        with open_archive(tmp_path, "sqlite") as archive:
            (size,) = archive.connection.execute("PRAGMA page_size").fetchone()
            assert size == (made_with or 16_384)


@pytest.mark.parametrize("field", ["clicked_at_source", "service"])
def test_a_click_without_what_it_must_have_is_refused(tmp_path, field):
    """No missing value is passed over in silence."""
    with open_archive(tmp_path, "sqlite") as archive:
        with pytest.raises(StoreError, match="NOT NULL"):
            archive.store.commit(slice_of([changed(click(), **{field: None})]))
        assert archive.ledger.coverage("acme") == []


# Errors


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (sqlite3.OperationalError("disk I/O error"), "disk I/O error"),
        (PermissionError(13, "Permission denied", "/elsewhere"), "Permission denied"),
        (OSError("odd"), "odd"),
    ],
)
def test_errors_name_the_operation_and_the_file(error, reason):
    """What could not be done to which file, why, and what to do."""
    with (
        pytest.raises(StoreError, match=f"^can't read /a/archive.db: {reason}. Check the disk"),
        store_errors("read", Path("/a/archive.db")),
    ):
        raise error


def test_other_errors_pass():
    """A bug isn't taken for a full disk."""
    with pytest.raises(ZeroDivisionError), store_errors("read", Path("/a")):
        raise ZeroDivisionError


# What people find in it


def views_of(archive: Archive, name: str) -> list[tuple]:
    return archive.connection.execute(f"SELECT * FROM {name} ORDER BY 2").fetchall()


def test_the_views_answer_what_people_ask(tmp_path):
    """Clicks per day, link, country and referrer, with the unique ones beside them."""
    rows = [
        click("2026-11-19T12:00:00Z", country="DE", referrer="r", link_id="1", is_unique=True),
        click("2026-11-19T12:00:01Z", country="DE", link_id="1", is_unique=False),
        click("2026-11-20T12:00:00Z", country="FR", referrer="r", link_id="2", is_unique=True),
    ]
    with open_archive(tmp_path, "sqlite") as archive:
        archive.store.commit(slice_of(rows))
        assert views_of(archive, "clicks_per_day") == [
            ("acme", "2026-11-19", 2, 1),
            ("acme", "2026-11-20", 1, 1),
        ]
        assert views_of(archive, "clicks_per_link") == [
            ("acme", "1", None, 2, 1),
            ("acme", "2", None, 1, 1),
        ]
        assert views_of(archive, "clicks_per_country") == [
            ("acme", "DE", 2, 1),
            ("acme", "FR", 1, 1),
        ]
        assert views_of(archive, "clicks_per_referrer") == [
            ("acme", None, 1, 0),
            ("acme", "r", 2, 2),
        ]
