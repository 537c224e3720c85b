"""A late click is found, whatever happened to the lookback meanwhile."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from support.archive import TestArchive
from support.history import History

NOON = datetime(2025, 9, 5, 12, tzinfo=UTC)
DAY = timedelta(days=1)
LATE = "2025-09-04 16:00:00"  # twenty hours before noon


@pytest.fixture
def history() -> History:
    return History("2025-09-05 10:00:00")


@pytest.fixture
def archive(tmp_path, history) -> Iterator[TestArchive]:
    """An archive after its first run, at noon; then a click comes late."""
    with history.serving() as address:
        opened = TestArchive(tmp_path, address, format="json", lookback="26h")
        assert opened.run(NOON).outcome == "complete"
        assert len(opened.stored()) == 1
        history.record(LATE)
        history.starts.clear()
        yield opened


def test_the_next_run_looks_back(archive) -> None:
    """As far as the account says, and no further."""
    assert archive.run(NOON + DAY).accounts[0].new == 1
    assert archive.run(NOON + 2 * DAY).accounts[0].new == 0
    assert len(archive.stored()) == 2


def test_a_window_of_the_lookback_that_failed_is_made_up_for(archive, history) -> None:
    """Though all other windows of that run succeeded, and days have passed since."""
    history.broken = {LATE[:10]}
    report = archive.run(NOON + DAY)
    assert (report.outcome, report.accounts[0].windows) == ("partial", 3)
    assert len(archive.stored()) == 1
    history.broken = set()
    assert archive.run(NOON + 4 * DAY).accounts[0].new == 1
    assert {click["clicked_at_source"] for click in archive.stored()} >= {LATE}


def test_a_lookback_that_a_backfill_left_behind_is_made_up_for(archive) -> None:
    """A backfill moves the end of what is covered and looks at nothing again."""
    assert archive.backfill("2025-09-05", "2025-09-09", NOON + 5 * DAY).outcome == "complete"
    assert len(archive.stored()) == 1
    assert archive.run(NOON + 5 * DAY).accounts[0].new == 1


@pytest.mark.parametrize("refusals", [1, 3])
def test_a_run_that_was_ended_early_is_made_up_for(archive, history, refusals) -> None:
    """Where the account fails as a whole, not even the lookback's failure is known by window."""
    history.refuses = True
    for day in range(1, 1 + refusals):
        report = archive.run(NOON + day * DAY)
        assert report.accounts[0].aborted
    history.refuses = False
    assert archive.backfill("2025-09-05", "2025-09-09", NOON + 5 * DAY).outcome == "complete"
    assert archive.run(NOON + 5 * DAY).accounts[0].new == 1


def test_once_made_up_for_it_is_as_before(archive, history) -> None:
    """The run after begins where any other would: nothing is fetched again for ever."""
    history.broken = {LATE[:10]}
    archive.run(NOON + DAY)
    history.broken = set()
    archive.run(NOON + 2 * DAY)
    assert min(history.starts) == "2025-09-04 12:00:00"  # where what is covered begins
    history.starts.clear()
    archive.run(NOON + 3 * DAY)
    assert min(history.starts) == "2025-09-06 09:50:00"


def test_what_is_missing_and_fails_does_not_hold_the_lookback_up(archive, history) -> None:
    """It isn't covered, so it is fetched next time anyway."""
    history.broken = {"2025-09-06"}
    assert archive.run(NOON + 2 * DAY).outcome == "partial"
    assert len(archive.stored()) == 2
    history.broken = set()
    history.starts.clear()
    assert archive.run(NOON + 3 * DAY).outcome == "complete"
    assert min(history.starts) == "2025-09-06 00:00:00"
