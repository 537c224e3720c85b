"""`verify` of what the ledger has beside its days: revisions, and records nobody understands."""

import json

import pytest
from support.archive import TestArchive
from support.damage import DAMAGES, execute
from support.garbled import GarbledHistory
from support.verifying import DAMAGED, DAY, EMPTY, NOW, START, backfilled, found, repair, verify

from archiver.rejected import event_of
from refserver.database import NewClick

stores = pytest.mark.parametrize("store", ["sqlite", "jsonl"])


@stores
@pytest.mark.parametrize("dialects", [(), ("no-id",)], ids=["ids", "no-id"])
def test_a_revision_of_no_click_is_named_and_set_aside(utc, tmp_path, store, dialects):
    """Of a day, of one without clicks, and of none; a repair keeps it in a file, and what it said
    of a click that is stored is said again.
    """
    alike = [NewClick(1, START + DAY, "192.0.2.9") for _ in range(3)]
    utc.populate(60, START, START + 4 * DAY)
    utc.record(alike)
    with utc.serving(dialects) as url:
        archive = backfilled(tmp_path / "a", url, store)
        with utc.database.writing() as connection:
            connection.execute("UPDATE clicks SET country = 'AQ'")
        archive.backfill("2025-09-01", "2025-09-05", NOW, again=True)
        revisions = archive.query("SELECT count(*) FROM click_revisions")
        assert revisions == [(63,)]
        assert verify(archive).outcome == "intact"
        one = (
            "WHERE (clicked_at, key) = (SELECT clicked_at, max(key) FROM click_revisions "
            f"WHERE clicked_at = '{DAMAGED}T00:00:00Z')"
        )
        execute(archive, f"UPDATE click_revisions SET key = key || '9' {one}")
        [difference] = verify(archive).differences
        assert (difference.account, difference.day) == ("acme", DAMAGED)
        assert (difference.what, difference.found) == ("revisions", 1)
        [key] = difference.keys
        done = repair(archive)
        assert (done.sound, done.orphans, done.report.error) == (False, 1, None)
        assert json.loads(done.kept_in.read_bytes())["key"] == key
        assert verify(archive).outcome == "intact"
        assert archive.query("SELECT count(*) FROM click_revisions") == revisions

        execute(archive, f"UPDATE click_revisions SET clicked_at = '{EMPTY}T00:00:00Z' {one}")
        assert found(verify(archive)) == [("acme", EMPTY, "revisions")]
        repair(archive, EMPTY)
        execute(archive, f"UPDATE click_revisions SET clicked_at = 'noon' {one}")
        assert found(verify(archive)) == [("acme", None, "revisions")]


# Records that can't be understood


@pytest.mark.parametrize("ip", ["keep", "truncate", "hash", "drop"])
@pytest.mark.parametrize(
    "damage",
    [
        "text = replace(text, 'garbled', 'Garbled')",
        "text = substr(text, 2)",
        "text = '[]'",
        "text = x'7b7d'",
        "start = 'noon'",
        '"end" = start',
        "first_seen_at = '2025-09-31T00:00:00Z'",
        "reported_at = 'soon'",
        "number = 9",
        "key = 'today' || substr(key, 11)",
    ],
)
def test_a_rejected_record_that_was_changed_is_named(tmp_path, ip, damage):
    """As far as its key tells: each letter of it but its link's."""
    history = GarbledHistory()
    for at in range(3):
        history.garble(
            f"2025-09-02 10:00:0{at}", clicked_at="garbled", ip="192.0.2.17", name="a title",
            peer="192.0.2.17:80", deep={"192.0.2.1": ["::1", None, "\u00e9"]},
        )  # fmt: skip
    history.garble("2025-09-03 10:00:00", clicked_at="garbled", id="7")
    with history.serving() as url:
        archive = TestArchive(tmp_path / "a", url, ip=ip, format="json", fields={"title": "name"})
        archive.backfill("2025-08-31", "2025-09-05", NOW)
    assert archive.query("SELECT count(*) FROM rejected") == [(4,)]
    assert verify(archive).outcome == "intact"
    execute(archive, "UPDATE rejected SET text = replace(text, 'a title', 'another')")
    assert verify(archive).outcome == "intact"
    execute(archive, f"UPDATE rejected SET {damage} WHERE number = 2")
    assert found(verify(archive)) == [("acme", None, "rejected")]


def test_a_rejected_record_that_is_missing_among_the_alike_is_named(tmp_path):
    """The last one would leave no trace."""
    history = GarbledHistory()
    for _ in range(3):
        history.garble("2025-09-02 10:00:00", clicked_at="garbled")
    with history.serving() as url:
        archive = TestArchive(tmp_path / "a", url, format="json")
        archive.backfill("2025-08-31", "2025-09-05", NOW)
        execute(archive, "DELETE FROM rejected WHERE number = 1")
        [difference] = verify(archive).differences
        assert (difference.what, difference.found) == ("rejected", 2)
        execute(archive, "DELETE FROM rejected")
        repair(archive)
    assert verify(archive).outcome == "intact"
    assert archive.query("SELECT count(*) FROM rejected") == [(3,)]


@pytest.mark.parametrize("fields", ["'x'", "'[]'", "x'ff'"])
def test_names_of_fields_that_are_none_stop_nothing(tmp_path, fields):
    """Nothing shows then whether a record is as it was kept."""
    history = GarbledHistory()
    history.garble("2025-09-02 10:00:00", clicked_at="garbled")
    with history.serving() as url:
        archive = TestArchive(tmp_path / "a", url, format="json")
        archive.backfill("2025-08-31", "2025-09-05", NOW)
    execute(archive, f"UPDATE accounts SET fields = {fields}")
    assert found(verify(archive)) == [("acme", None, "rejected")]


@stores
def test_what_is_of_no_account_is_named(utc, archived, store):
    """Though it would be well with one."""
    with utc.serving() as url:
        archive = archived(store, url)
    columns = (
        "'2025-09-02T00:00:00Z', '2025-09-03T00:00:00Z', 'no time', '{}', '2025-09-10T00:00:00Z'"
    )
    event = event_of("{}", {})
    execute(
        archive,
        f"INSERT INTO rejected VALUES ('ghost', 'id:{event}', 1, {columns}, NULL)",
        "INSERT INTO click_revisions (account, clicked_at, key, number, seen_at) "
        "VALUES ('spook', '2025-09-02T10:00:00Z', 'id:5', 1, '2025-09-10T00:00:00Z')",
    )
    assert found(verify(archive)) == [("ghost", None, "rejected"), ("spook", DAMAGED, "revisions")]
    execute(archive, "UPDATE rejected SET account = 'acme'", "DELETE FROM click_revisions")
    assert verify(archive).outcome == "intact"


@pytest.mark.parametrize("table", ["click_revisions", "rejected"])
def test_without_a_table_all_else_is_looked_at(utc, archived, table):
    """What is missing is named, and a damaged day too."""
    with utc.serving() as url:
        archive = archived("sqlite", url)
    DAMAGES["sqlite"]["row deleted"](archive, DAMAGED)
    execute(archive, f"DROP TABLE {table}")
    assert {each.what for each in verify(archive).differences} >= {"table", "clicks", "digest"}


# Days


@stores
@pytest.mark.parametrize("day", ["'soon'", "''", "'2025-09-31'", "x'ff'"])
def test_a_day_that_is_none_is_named(utc, archived, store, day):
    """Nothing can be stored of it; all other days are looked at."""
    with utc.serving() as url:
        archive = archived(store, url)
    execute(archive, f"INSERT INTO days VALUES ('acme', {day}, 1, '0', '', '')")
    execute(archive, f"UPDATE days SET clicks = 0 WHERE day = '{DAMAGED}'")
    assert found(verify(archive)) == [("acme", None, "days"), ("acme", DAMAGED, "clicks")]
