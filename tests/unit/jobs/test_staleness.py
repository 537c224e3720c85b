"""Accounts that have had no complete run for too long."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import pytest
from support.archive import TestArchive
from support.history import History

from archiver.config import load_config
from jobs.staleness import stale_accounts

NOON = datetime(2025, 9, 5, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
LONGEST = 26 * HOUR


@pytest.fixture
def history() -> History:
    return History("2025-09-05 10:00:00")


@pytest.fixture
def archive(tmp_path, history) -> Iterator[TestArchive]:
    with history.serving() as address:
        yield TestArchive(tmp_path, address, format="json", names=("acme", "bees"))


@pytest.fixture
def stale(archive) -> Callable[[datetime], list[str]]:
    return lambda now: stale_accounts(load_config(archive.path), LONGEST, now)


def test_no_run_yet(stale, archive):
    """Without an archive, each account is stale."""
    never = ["acme: no run was ever complete", "bees: no run was ever complete"]
    assert stale(NOON) == never
    assert not archive.directory.exists()


def test_after_a_run(stale, archive):
    """None is stale until it is longer ago than is allowed; then each says since when."""
    archive.run(NOON)
    assert stale(NOON) == stale(NOON + LONGEST) == []
    assert stale(NOON + LONGEST + timedelta(seconds=1)) == [
        f"{name}: the last complete run ended at 2025-09-05T12:00:00Z, longer ago than 26h "
        "(backfills don't count)"
        for name in ("acme", "bees")
    ]


def test_runs_that_are_not_complete_make_nothing_fresh(stale, archive, history):
    """Nor does a backfill, which may be of any period."""
    archive.run(NOON)
    history.broken.add("2025-09-06")
    archive.run(NOON + 25 * HOUR)
    archive.backfill("2025-08-01", "2025-08-02", NOON + 25 * HOUR)
    assert len(stale(NOON + LONGEST + HOUR)) == 2
    history.broken.clear()
    archive.run(NOON + LONGEST + HOUR)
    assert stale(NOON + LONGEST + HOUR) == []


def test_an_account_that_is_new_or_gone(stale, archive):
    """Those that are configured count, and no others."""
    archive.run(NOON)
    text = archive.path.read_text()
    archive.path.write_text(text.replace('"bees"', '"cats"'))
    assert stale(NOON) == ["cats: no run was ever complete"]


@pytest.mark.parametrize(
    ("ahead", "fresh"), [(timedelta(seconds=59), True), (timedelta(minutes=2), False)]
)
def test_a_success_that_has_not_come_yet(stale, archive, ahead, fresh):
    """Nobody knows how long ago it really was: it is stale, unless clocks may differ so much."""
    archive.run(NOON + ahead)
    lines = stale(NOON)
    assert (lines == []) == fresh
    for line in lines:
        assert "the last complete run ended at 2025-09-05T12:02:00Z, which hasn't come yet" in line


def test_the_next_run_makes_up_for_a_clock_that_was_ahead(stale, archive):
    """The last run is the last begun, whatever the clock said."""
    archive.run(NOON + 9000 * HOUR)
    assert len(stale(NOON)) == 2
    archive.run(NOON)
    assert stale(NOON) == []
