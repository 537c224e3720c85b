"""The database as such."""

import sqlite3
import threading
from contextlib import closing

import pytest

from storage.opening import open_archive
from storage.verification import integrity
from storage.verification.integrity import integrity_check, table_differences


@pytest.fixture
def path(tmp_path):
    with open_archive(tmp_path, "sqlite") as archive:
        archive.connection.execute(
            "INSERT INTO clicks (account, service, clicked_at, clicked_at_source, key) "
            "VALUES ('acme', 'linktrack', '2026-11-19T12:00:00Z', 'noon', 'id:1')"
        )
    return tmp_path / "archive.db"


def test_a_sound_database_has_no_faults(path):
    """Although some versions of SQLite say that the columns of every click are empty."""
    with integrity_check(path) as faults:
        assert faults() == []
    with open_archive(path.parent, "sqlite") as archive:
        assert table_differences(archive.connection) == []


def test_faults_of_other_tables_are_found_past_false_alarms(path):
    """However many clicks there are of which SQLite says what isn't so."""
    with closing(sqlite3.connect(path)) as connection:
        connection.executemany(
            "INSERT INTO clicks (account, service, clicked_at, clicked_at_source, key) "
            "VALUES ('acme', 'linktrack', '2026-11-19T12:00:00Z', 'noon', ?)",
            [(str(number),) for number in range(300)],
        )
        connection.executescript(
            "CREATE TABLE zoo (a TEXT); INSERT INTO zoo VALUES (NULL); "
            "PRAGMA writable_schema = 1; UPDATE sqlite_schema SET sql = "
            "'CREATE TABLE zoo (a TEXT NOT NULL)' WHERE name = 'zoo'"
        )
    with integrity_check(path) as faults:
        [fault] = faults()
    assert (fault.what, fault.expected, fault.found) == ("database", "ok", "NULL value in zoo.a")


def test_without_a_database_there_is_nothing_to_find(tmp_path):
    """Whoever opens it says so."""
    with integrity_check(tmp_path / "archive.db") as faults:
        assert faults() == []


class Endless(sqlite3.Connection):
    """A database that is very large."""

    def execute(self, sql, *values):
        if "integrity_check" in sql:
            sql = (
                "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) "
                "SELECT count(*) FROM n"
            )
        return super().execute(sql, *values)


class EndedBySignalError(BaseException):
    """What ends a process."""


@pytest.fixture
def endless(monkeypatch):
    monkeypatch.setattr(
        integrity,
        "open_read_only",
        lambda directory: sqlite3.connect(directory / "archive.db", factory=Endless),
    )


def test_a_long_check_ends_with_the_program(path, endless):
    """It is interrupted, and nothing is left behind."""
    before = threading.active_count()
    with pytest.raises(EndedBySignalError), integrity_check(path):
        raise EndedBySignalError
    assert threading.active_count() == before


def test_a_signal_is_heeded_while_a_long_check_is_waited_for(path, endless, monkeypatch):
    """Not only when SQLite has looked at ten million clicks."""
    inner = integrity.wait
    waits = []

    def wait(*arguments):
        waits.append(inner(*arguments))
        if len(waits) == 1:
            raise EndedBySignalError

    monkeypatch.setattr(integrity, "wait", wait)
    before = threading.active_count()
    with pytest.raises(EndedBySignalError), integrity_check(path) as faults:
        faults()
    assert threading.active_count() == before
