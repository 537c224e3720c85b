"""The database, by way of its tables."""

import sqlite3
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, datetime, timedelta, timezone
from zoneinfo import ZoneInfoNotFoundError

import pytest

from refserver.database import Database, LoginTakenError, NewClick
from refserver.history import HistoryQuery, count_clicks, read_page

NOON = datetime(2026, 6, 1, 12, 0, tzinfo=UTC)


@pytest.fixture
def link_id(database, account_id) -> int:
    return database.add_link(account_id, external_url="https://example.com/")


def test_tables_can_be_read_by_plain_sql(tmp_path) -> None:
    """Another program counts clicks in columns of plain names."""
    path = tmp_path / "plain.db"
    with closing(Database(path)) as database:
        account_id = database.add_account("acme", "secret", "Asia/Kolkata")
        link_id = database.add_link(account_id, external_url="u", title="t", group="g")
        clicked_at = datetime(2026, 6, 1, 14, 0, 0, 5, timezone(timedelta(hours=2)))
        click = NewClick(link_id, clicked_at, "::1", "IN", "r", "a", False, "1.00")
        database.add_clicks(account_id, [click])
    with closing(sqlite3.connect(path)) as connection:
        click = connection.execute(
            "SELECT id, account_id, link_id, clicked_at_utc, clicked_at_local, ip, country,"
            " referrer, user_agent, is_unique, conversion FROM clicks"
        ).fetchone()
        link = connection.execute('SELECT id, account_id, title, "group" FROM links').fetchone()
        account = connection.execute("SELECT id, login, timezone FROM accounts").fetchone()
        columns = connection.execute("SELECT * FROM accounts").fetchone()
    assert click == (
        *(1, 1, 1, "2026-06-01T12:00:00Z", "2026-06-01 17:30:00"),
        *("::1", "IN", "r", "a", 0, "1.00"),
    )
    assert link == (1, 1, "t", "g")
    assert account == (1, "acme", "Asia/Kolkata")
    assert "secret" not in map(str, columns)


def test_a_database_is_opened_again(tmp_path) -> None:
    """What was recorded is there, and credentials still hold."""
    path = tmp_path / "again.db"
    with closing(Database(path)) as database:
        account_id = database.add_account("acme", "pässword", "UTC")
    with closing(Database(path)) as database:
        account = database.account("acme", "pässword")
        assert account is not None
        assert account.id == account_id
        assert database.account("acme", "password") is None
        assert database.account("other", "pässword") is None


def test_credentials_are_checked_each_time(database, account_id) -> None:
    """A right password that is remembered doesn't let a wrong one in, before it or after."""
    for password in ("wrong", "secret", "wrong", "secret", ""):
        assert (database.account("acme", password) is not None) == (password == "secret")


def test_a_login_is_taken_once(database, account_id) -> None:
    """A second account of the same login is refused."""
    with pytest.raises(LoginTakenError):
        database.add_account("acme", "other", "UTC")


def test_a_zone_has_to_exist(database) -> None:
    """A misspelt zone is refused when the account is made."""
    with pytest.raises(ZoneInfoNotFoundError):
        database.add_account("acme", "secret", "America/New_Amsterdam")


def test_a_link_to_be_renamed_has_to_exist(database, account_id) -> None:
    """Renaming nothing is an error."""
    with pytest.raises(LookupError, match="there is no link 5"):
        database.rename_link(5, "title")


def test_clicks_are_recorded_all_or_none(database, account_id, link_id) -> None:
    """A click without a zone, or on no link, spoils those before it in the same call."""
    good = NewClick(link_id, NOON)
    with pytest.raises(ValueError, match="needs a zone"):
        database.add_clicks(account_id, [good, NewClick(link_id, NOON.replace(tzinfo=None))])
    with pytest.raises(sqlite3.IntegrityError):
        database.add_clicks(account_id, [good, NewClick(99, NOON)])
    database.add_clicks(account_id, [good])
    with database.reading() as connection:
        assert connection.execute("SELECT count(*) FROM clicks").fetchone() == (1,)


def test_what_is_read_together_is_of_one_state(database, account_id, link_id) -> None:
    """A click that is recorded between two statements doesn't show in the second."""
    count = "SELECT count(*) FROM clicks"
    with database.reading() as connection:
        assert connection.execute(count).fetchone() == (0,)
        database.add_clicks(account_id, [NewClick(link_id, NOON)])
        assert connection.execute(count).fetchone() == (0,)
    with database.reading() as connection:
        assert connection.execute(count).fetchone() == (1,)


def test_threads_read_and_write_at_once(database, account_id, link_id) -> None:
    """Writers wait for one another, readers for nobody, and no click is lost."""

    def visit(number: int) -> int:
        database.add_clicks(account_id, [NewClick(link_id, NOON + timedelta(seconds=number))])
        with database.reading() as connection:
            (count,) = connection.execute("SELECT count(*) FROM clicks").fetchone()
        return count

    with ThreadPoolExecutor(8) as threads:
        counts = list(threads.map(visit, range(200)))
    assert max(counts) == 200


def test_a_connection_in_use_is_closed_when_it_comes_back(tmp_path) -> None:
    """Closing the database in the middle of a read leaves nothing open behind it."""
    database = Database(tmp_path / "closing.db")
    with database.reading() as connection:
        database.close()
        connection.execute("SELECT count(*) FROM clicks")
    with pytest.raises(sqlite3.ProgrammingError, match="closed"):
        connection.execute("SELECT 1")


@pytest.mark.parametrize("link_ids", [None, [1, 2]])
@pytest.mark.parametrize("group", [None, "mail"])
@pytest.mark.parametrize("newest_first", [True, False])
def test_counting_and_paging_read_the_index_alone(
    database, account_id, link_ids, group, newest_first
) -> None:
    """A late page of a long history costs no rows before it, and its order no sorting of all."""
    query = HistoryQuery(
        *(account_id, "2026-01-01 00:00:00", "2026-02-01 00:00:00", False),
        *(link_ids, group, newest_first, 1000, 99_000),
    )
    statements: list[str] = []
    with database.reading() as connection:
        connection.set_trace_callback(statements.append)
        count_clicks(connection, query)
        read_page(connection, query)
        connection.set_trace_callback(None)
        plans = [
            [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {statement}")]
            for statement in statements
            if not statement.startswith("PRAGMA")
        ]
    search = (
        "SEARCH clicks USING COVERING INDEX clicks_in_order (account_id=? AND clicked_at_local>"
    )
    assert len(plans) == 2
    for plan in plans:
        assert sum(step.startswith(search) for step in plan) == 1, plan
        # The page's thousand may be sorted once more, what it is cut from may not.
        sorts = [number for number, step in enumerate(plan) if "USE TEMP B-TREE" in step]
        assert sorts in ([], [len(plan) - 1]), plan
