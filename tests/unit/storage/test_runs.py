"""The table of runs: begun, finished, or ended from outside."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from archiver.model import AccountReport
from storage.opening import open_archive
from storage.runs import RunFigures, RunRow, Runs

RUN = UUID("c0ffee00-0000-4000-8000-000000000001")
BEGUN = datetime(2026, 11, 19, 3, 15, tzinfo=UTC)
DONE = BEGUN + timedelta(seconds=9)


@pytest.fixture
def archive(tmp_path):
    with open_archive(tmp_path, "jsonl") as opened:
        yield opened


@pytest.fixture
def runs(archive) -> Runs:
    return archive.runs


def test_no_run_yet(runs):
    """Nothing was ever done for an unknown account."""
    assert runs.last("acme") is None
    assert runs.last_success("acme") is None


def test_a_run_under_way_has_no_end(runs):
    """Until it is finished, and for ever if it is killed."""
    runs.start("acme", "run", RUN, BEGUN)
    assert runs.last("acme") == RunRow("2026-11-19T03:15:00Z", None, None, None)
    assert runs.last_success("acme") is None


def test_a_finished_run_tells_what_it_did(runs, archive):
    """Its counts and outcome are those of its report."""
    number = runs.start("acme", "run", RUN, BEGUN)
    runs.finish(number, AccountReport("acme", fetched=12, new=5, windows=3), DONE)
    done = RunRow("2026-11-19T03:15:00Z", "2026-11-19T03:15:09Z", "complete", None)
    assert runs.last("acme") == runs.last_success("acme") == done
    rows = archive.connection.execute(
        "SELECT id, account, fetched, new, duplicates, windows FROM runs"
    ).fetchall()
    assert rows == [(number, "acme", 12, 5, 7, 3)]


@pytest.mark.parametrize(("windows", "outcome"), [(0, "failed"), (2, "partial")])
def test_a_run_with_errors_is_no_success(runs, windows, outcome):
    """The last success stays the one before, and the errors are kept line by line."""
    good = runs.start("acme", "run", RUN, BEGUN)
    runs.finish(good, AccountReport("acme"), DONE)
    bad = runs.start("acme", "run", RUN, DONE)
    report = AccountReport("acme", windows=windows, errors=["one", "two"])
    runs.finish(bad, report, DONE)
    last, success = runs.last("acme"), runs.last_success("acme")
    assert (last.outcome, last.error) == (outcome, "one\ntwo")
    assert success.started_at == "2026-11-19T03:15:00Z"


def test_the_figures_are_of_the_last_run(runs):
    """A backfill after it doesn't count, nor does another account's run."""
    assert runs.last_figures("acme") is None
    number = runs.start("acme", "run", RUN, BEGUN)
    assert runs.last_figures("acme") == RunFigures("2026-11-19T03:15:00Z")
    report = AccountReport(
        "acme", fetched=12, new=5, windows=3, totals=7, warnings=["a", "b"], errors=["c"] * 30
    )
    runs.finish(number, report, DONE)
    for account, command in (("acme", "backfill"), ("bees", "run")):
        runs.finish(runs.start(account, command, RUN, DONE), AccountReport(account), DONE)
    begun, done = "2026-11-19T03:15:00Z", "2026-11-19T03:15:09Z"
    assert runs.last_figures("acme") == RunFigures(begun, done, "partial", 12, 5, 7, 3, 7, 2, 30)


def test_a_backfill_is_no_complete_run(runs):
    """It is a success, but may be of any period; nor is a run complete that has errors."""
    runs.finish(runs.start("acme", "run", RUN, BEGUN), AccountReport("acme"), BEGUN)
    runs.finish(runs.start("acme", "backfill", RUN, DONE), AccountReport("acme"), DONE)
    bad = AccountReport("acme", windows=1, errors=["one"])
    runs.finish(runs.start("acme", "run", RUN, DONE), bad, DONE)
    assert runs.last_success("acme").started_at == "2026-11-19T03:15:09Z"
    assert runs.last_complete_run("acme").finished_at == "2026-11-19T03:15:00Z"
    assert runs.last_complete_run("bees") is None


def test_a_killed_run_does_not_hide_the_last_success(runs):
    """The last run is the one that never ended; the last success is the one before."""
    runs.finish(runs.start("acme", "run", RUN, BEGUN), AccountReport("acme"), DONE)
    runs.start("acme", "run", RUN, DONE)
    assert runs.last("acme").finished_at is None
    assert runs.last_success("acme").finished_at == "2026-11-19T03:15:09Z"


def test_accounts_have_runs_of_their_own(runs):
    """One account's success is nobody else's; a run's number tells it from all others."""
    numbers = [runs.start(name, "run", RUN, BEGUN) for name in ("acme", "bees", "acme")]
    assert len(set(numbers)) == 3
    runs.finish(numbers[1], AccountReport("bees"), DONE)
    assert runs.last("acme").finished_at is None
    assert runs.last("bees").outcome == "complete"
    assert runs.last_success("acme") is None


def test_the_last_run_is_the_last_begun(runs):
    """By the order in which they began, whatever the clock said."""
    runs.start("acme", "run", RUN, DONE)
    runs.start("acme", "backfill", RUN, BEGUN)


def test_a_run_is_there_at_once(tmp_path):
    """A run that is killed right after its beginning is on record."""
    with open_archive(tmp_path, "sqlite") as archive:
        archive.runs.start("acme", "run", RUN, BEGUN)
    with open_archive(tmp_path, "sqlite") as archive:
        assert archive.runs.last("acme") is not None
