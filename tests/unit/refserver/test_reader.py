"""What a connection remembers, and until when."""

import sqlite3
import threading
from contextlib import closing
from datetime import UTC, datetime

import pytest

from refserver.database import Database
from refserver.history import HistoryQuery, count_clicks
from refserver.records import NewClick

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)
CLICKS = "SELECT count(*) FROM clicks WHERE account_id = ?"


@pytest.fixture
def query(account_id) -> HistoryQuery:
    return HistoryQuery(
        account_id=account_id,
        start="2026-06-01 00:00:00",
        end="2026-06-02 00:00:00",
        includes_end=False,
        link_ids=None,
        group=None,
        newest_first=False,
        limit=10,
        offset=0,
    )


def record(database: Database, account_id: int) -> None:
    link_id = database.add_link(account_id, external_url="https://example.com/")
    database.add_clicks(account_id, [NewClick(link_id, NOON)])


def counted(database: Database, query: HistoryQuery) -> tuple[int, int]:
    """A count, and how many statements that counted it took."""
    statements: list[str] = []
    with database.reading() as connection:
        connection.set_trace_callback(statements.append)
        count = count_clicks(connection, query)
        connection.set_trace_callback(None)
    return count, sum("count(*)" in statement for statement in statements)


def test_the_same_is_counted_once(database, account_id, query):
    """The pages of a window cost one count of it."""
    record(database, account_id)
    assert [counted(database, query) for _ in range(3)] == [(1, 1), (1, 0), (1, 0)]


def test_another_window_is_another_count(database, account_id, query):
    """Whatever the filters differ in."""
    record(database, account_id)
    others = [
        HistoryQuery(**{**as_dict(query), name: value})
        for name, value in (("end", "2026-06-01 00:00:00"), ("link_ids", [9]), ("group", "g"))
    ]
    assert counted(database, query) == (1, 1)
    assert [counted(database, other) for other in others] == [(0, 1)] * 3


def as_dict(query: HistoryQuery) -> dict[str, object]:
    return {name: getattr(query, name) for name in query.__dataclass_fields__}


def test_what_is_recorded_is_counted(database, account_id, query):
    """As soon as it is, by this program."""
    for number in range(3):
        assert counted(database, query)[0] == number
        record(database, account_id)


def test_what_another_program_records_is_counted(tmp_path):
    """It may write to the same file at any time."""
    path = tmp_path / "shared.db"
    with closing(Database(path)) as database, closing(sqlite3.connect(path)) as other:
        account_id = database.add_account("acme", "secret", "UTC")
        record(database, account_id)
        for number in range(1, 4):
            with database.reading() as connection:
                assert connection.count(CLICKS, (account_id,)) == number
            other.execute(
                "INSERT INTO clicks SELECT NULL, account_id, link_id, clicked_at_utc,"
                " clicked_at_local, ip, country, referrer, user_agent, is_unique, conversion"
                " FROM clicks LIMIT 1"
            )
            other.commit()


def test_a_count_is_of_the_state_that_is_read(database, account_id, query):
    """What is recorded meanwhile doesn't belong to it: a page and its total fit together."""
    record(database, account_id)
    with database.reading() as connection:
        assert count_clicks(connection, query) == 1
        thread = threading.Thread(target=record, args=(database, account_id))
        thread.start()
        thread.join()
        assert count_clicks(connection, query) == 1
        assert connection.execute(CLICKS, (account_id,)).fetchone() == (1,)
    assert counted(database, query)[0] == 2
