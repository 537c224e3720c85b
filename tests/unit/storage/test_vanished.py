"""The clicks that the service doesn't give any more."""

from datetime import UTC, datetime, timedelta

import pytest

from storage.opening import open_archive
from storage.vanished import VanishedClicks

NOW = datetime(2026, 11, 19, 3, 15, tzinfo=UTC)
DAY = "2026-11-18"


@pytest.fixture
def vanished(tmp_path):
    with open_archive(tmp_path, "jsonl") as archive:
        yield archive.vanished


def test_what_is_missed_until_it_is_found(vanished: VanishedClicks):
    """Of each account and day by itself; what is missed already stays as it is."""
    vanished.miss("acme", DAY, {"a", "b"}, NOW)
    vanished.miss("acme", "2026-11-19", {"c"}, NOW)
    vanished.miss("bees", DAY, {"a"}, NOW)
    vanished.miss("acme", DAY, {"b", "d"}, NOW + timedelta(hours=1))
    vanished.find("acme", DAY, {"a", "c", "e"})
    assert vanished.missed("acme", DAY) == {"b", "d"}
    assert vanished.missed("acme", "2026-11-19") == {"c"}
    assert vanished.missed("bees", DAY) == {"a"}
    assert vanished.missed("acme", "2026-11-17") == set()


def test_when_a_click_was_first_missed(tmp_path):
    """It is kept with the click's key: missing it again changes nothing."""
    with open_archive(tmp_path, "sqlite") as archive:
        for hour in range(2):
            archive.vanished.miss("acme", DAY, ["a"], NOW + timedelta(hours=hour))
        rows = archive.connection.execute("SELECT * FROM vanished_clicks").fetchall()
    assert rows == [("acme", DAY, "a", "2026-11-19T03:15:00Z", None)]


def test_what_is_missing_is_reported_once(vanished: VanishedClicks):
    """Of each account by itself; what was there in between is new."""
    assert vanished.report("acme", NOW) == (0, "")
    vanished.miss("acme", DAY, {"a", "b"}, NOW)
    vanished.miss("acme", "2026-11-19", {"c"}, NOW)
    vanished.miss("bees", DAY, {"a"}, NOW)
    assert vanished.report("acme", NOW) == (3, DAY)
    assert vanished.report("acme", NOW) == (0, "")
    vanished.find("acme", DAY, {"a"})
    vanished.miss("acme", DAY, {"a", "b"}, NOW)
    assert vanished.report("acme", NOW) == (1, DAY)
    assert vanished.report("bees", NOW) == (1, DAY)
