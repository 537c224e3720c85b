"""A job: each account by itself, and all that goes wrong in its report."""

import gc
import shutil
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import pytest
from support.archive import TestArchive
from support.history import History
from support.service import PASSWORD

from archiver.config import load_config
from archiver.errors import ConfigError
from archiver.model import RunReport
from archiver.plan import Plan
from jobs import daily
from jobs.archiving import Job
from jobs.cli.reporting import exit_code
from storage.appending import append
from storage.opening import open_archive

NOON = datetime(2025, 9, 5, 12, tzinfo=UTC)
DAY = timedelta(days=1)
HOUR = timedelta(hours=1)

stores = pytest.mark.parametrize("store", ["sqlite", "jsonl"])


@pytest.fixture
def history() -> History:
    return History("2025-09-04 16:00:00", "2025-09-05 10:00:00")


@pytest.fixture
def address(history) -> Iterator[str]:
    with history.serving() as served:
        yield served


@pytest.fixture
def new_archive(tmp_path, address) -> Callable[..., TestArchive]:
    def make(**settings) -> TestArchive:
        return TestArchive(tmp_path, address, format="json", **settings)

    return make


def run_with(archive: TestArchive, plan: Callable[..., Plan]) -> RunReport:
    passwords = dict.fromkeys(archive.names, PASSWORD)
    return Job("run", load_config(archive.path), passwords, plan, clock=lambda: NOON).execute()


# Accounts by themselves


def test_an_unexpected_exception_harms_no_other_account(new_archive) -> None:
    """It is told in its account's report with its place and without secrets: exit code 1."""
    archive = new_archive(names=("bad", "well"))

    def plan(turn):
        if turn.account.name == "bad":
            raise ZeroDivisionError(f"divided by {PASSWORD}")
        return daily.plan(turn)

    bad, well = (report := run_with(archive, plan)).accounts
    assert (report.outcome, bad.outcome, well.outcome) == ("partial", "failed", "complete")
    assert (bad.unexpected, bad.aborted, well.unexpected) == (True, True, False)
    assert bad.error.startswith("unexpected ZeroDivisionError in test_archiving.py:")
    assert "divided by [redacted]. This is a defect of link-archiver" in bad.error
    assert well.new == 2
    assert archive.status(NOON)["last_run"]["error"] == bad.error
    assert exit_code(report) == 1
    assert PASSWORD not in str(report)


def test_a_period_that_is_none_for_one_account_is_its_error(new_archive) -> None:
    """A ConfigError in a plan is told where it belongs."""
    archive = new_archive(names=("bad", "well"))

    def plan(turn):
        if turn.account.name == "bad":
            raise ConfigError("no such period")
        return daily.plan(turn)

    bad, well = run_with(archive, plan).accounts
    assert (bad.error, bad.unexpected, well.outcome) == ("no such period", False, "complete")


# The archive


@stores
def test_an_archive_that_is_taken_away_meanwhile_is_an_error(new_archive, store) -> None:
    """What such a run wrote may be lost: it isn't told to be well."""
    archive = new_archive(store=store)

    def plan(turn):
        planned = daily.plan(turn)
        archive.directory.rename(archive.directory.with_name("moved"))
        return planned

    report = run_with(archive, plan)
    assert report.outcome != "complete"
    assert "archive.db was moved or deleted while this run wrote to it" in report.accounts[0].error
    assert exit_code(report) == 3


@pytest.mark.parametrize("moment", ["before the files are written", "after that"])
def test_no_day_counts_whose_file_went_elsewhere(new_archive, monkeypatch, moment) -> None:
    """The ledger's file is open and goes with the folder; day files are found by their names."""
    archive = new_archive(store="jsonl")
    moved = archive.directory.with_name("moved")

    def append_elsewhere(*what: object) -> int:
        if moment == "after that":
            written = append(*what)
            archive.directory.rename(moved)
            return written
        archive.directory.rename(moved)
        return append(*what)

    with monkeypatch.context() as patched:
        patched.setattr("storage.jsonl.append", append_elsewhere)
        report = archive.run(NOON)
    assert "archive.db was moved or deleted while this run" in report.accounts[0].error
    shutil.rmtree(archive.directory, ignore_errors=True)
    moved.rename(archive.directory)
    assert archive.run(NOON).accounts[0].new == 2
    assert len(archive.stored()) == 2
    assert not archive.differences(NOON)


def test_day_files_without_their_ledger_are_an_error(new_archive) -> None:
    """A run makes no new ledger beside them: exit code 3, with both ways out."""
    archive = new_archive(store="jsonl")
    archive.run(NOON)
    for file in archive.directory.glob("archive.db*"):
        file.unlink()
    report = archive.run(NOON)
    assert "has day files, such as 2025-09-0" in report.accounts[0].error
    assert "Put archive.db back from a copy; or move the folder clicks" in report.accounts[0].error
    assert not (archive.directory / "archive.db").exists()
    assert exit_code(report) == 3


# Ids that begin or cease


@stores
def test_ids_that_cease_within_the_lookback_stop_it_and_double_nothing(
    new_archive, history, store
) -> None:
    """It is said once; what comes after is archived and looked back at."""
    archive = new_archive(store=store)
    assert archive.run(NOON).accounts[0].new == 2
    history.cease_to_give_ids()
    history.records.append({"clicked_at": "2025-09-06 09:00:00"})
    [report] = archive.run(NOON + DAY).accounts
    assert (report.outcome, report.new) == ("complete", 1)
    first, second = sorted(report.incomparable)
    assert (first.end, second.end) == (NOON.replace(hour=0), NOON - timedelta(minutes=10))
    told = [text for text in report.warnings if "it began or ceased to give ids" in text]
    assert len(told) == 2
    history.records.append({"clicked_at": "2025-09-06 09:30:00"})
    [report] = archive.run(NOON + DAY + HOUR).accounts
    assert (report.new, report.incomparable) == (1, [])
    assert len(archive.stored()) == 4


def test_what_cannot_be_compared_and_is_not_covered_is_an_error(new_archive, history) -> None:
    """Some of its clicks may be missing: that is said, run after run, and it stays a gap."""
    archive = new_archive(lookback="0s")
    archive.run(NOON)
    with open_archive(archive.directory, "sqlite") as opened, opened.transaction():
        opened.ledger.cut_coverage("acme", NOON - 3 * HOUR)
    history.cease_to_give_ids()
    for _ in range(2):
        [report] = archive.run(NOON + HOUR).accounts
        window = "[2025-09-05T09:00:00Z, 2025-09-05T12:50:00Z)"
        assert report.errors == [f"{window} isn't archived whole: its clicks can't be compared"]
        assert archive.status(NOON + HOUR)["covered"][-1]["end"] == "2025-09-05T09:00:00Z"
    assert len(archive.stored()) == 2


# Clocks: the service's is this machine's, and the run is told another one


def test_a_first_run_in_the_future_is_taken_back(new_archive) -> None:
    """What a clock that was ahead would leave out is wanted after all, on whole seconds."""
    archive = new_archive()
    now = datetime.now(UTC)
    archive.run(now + 5 * DAY)
    assert archive.status(now)["covered"] == []
    archive.run(now)
    [covered] = archive.status(now)["covered"]
    assert covered["start"] == f"{now - DAY:%Y-%m-%dT%H:%M:%SZ}"
    assert archive.run(now + timedelta(minutes=1)).outcome == "complete"
    assert archive.status(now)["gaps"] == []


@pytest.mark.parametrize("reachable", [True, False])
def test_a_clock_that_fell_behind_takes_nothing_back(new_archive, history, reachable) -> None:
    """Not the first run, and not what is covered: the service's clock says who is wrong, and
    without an answer nothing is believed either.
    """
    archive = new_archive()
    now = datetime.now(UTC).replace(microsecond=0)
    archive.run(now)
    before = archive.status(now)
    history.refuses = not reachable
    history.starts.clear()
    [report] = archive.run(now - 1000 * DAY).accounts
    assert not any("was marked as archived" in warning for warning in report.warnings)
    assert report.windows == 0
    assert reachable == (report.outcome == "complete")
    after = archive.status(now)
    assert (after["covered"], after["gaps"]) == (before["covered"], before["gaps"])
    history.refuses = False
    assert archive.run(now + HOUR).accounts[0].error is None
    assert len(archive.status(now)["covered"]) == 1


def test_circles_are_looked_for_seldom_only_while_a_job_is_executed(new_archive) -> None:
    """A daemon goes on as ever afterwards."""
    seen = []

    def plan(turn):
        seen.append(gc.get_threshold()[0])
        return daily.plan(turn)

    before = gc.get_threshold()[0]
    run_with(new_archive(), plan)
    assert seen[0] > before
    assert gc.get_threshold()[0] == before
