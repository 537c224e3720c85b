"""Migrations of archives that an earlier version made."""

import sqlite3
from contextlib import closing

from sqlite_utils import Database

from storage import schema
from storage.runs import RunFigures, Runs


def test_totals_keep_their_values_when_their_order_changes():
    """What was kept by link first is kept by time first, row by row."""
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
        database = Database(connection)
        schema.ledger.apply(database, stop_before="order_totals_by_time")
        kept = [
            ("acme", "1", "2025-09-05T12:00:00Z", 3, 2),
            ("acme", "1", "2025-09-06T12:00:00Z", 5, None),
            ("acme", "", "2025-09-05T12:00:00Z", 8, None),
        ]
        connection.executemany("INSERT INTO totals VALUES (?, ?, ?, ?, ?)", kept)
        schema.ledger.apply(database)
        columns = "account, key, observed_at, clicks, unique_clicks"
        found = connection.execute(f"SELECT {columns} FROM totals ORDER BY key DESC, observed_at")
        assert found.fetchall() == kept
        order = connection.execute(
            "SELECT name FROM pragma_table_info('totals') WHERE pk"
        ).fetchall()
        assert order == [("account",), ("observed_at",), ("key",)]


def test_runs_of_before_have_no_counts_of_warnings():
    """What an earlier version kept of its runs stays; what it didn't count isn't known."""
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
        database = Database(connection)
        schema.ledger.apply(database, stop_before="count_what_runs_tell")
        connection.execute(
            "INSERT INTO runs (account, command, started_at, new) "
            "VALUES ('acme', 'run', '2025-09-05T12:00:00Z', 3)"
        )
        schema.ledger.apply(database)
        figures = Runs(connection).last_figures("acme")
    assert figures == RunFigures("2025-09-05T12:00:00Z", new=3)
