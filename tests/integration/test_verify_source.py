"""`verify --against-source`: what is missing here, gone there, or changed; nothing is written."""

import hashlib
import pkgutil
from collections.abc import Callable
from datetime import timedelta
from itertools import count
from pathlib import Path

import pytest
from support.archive import TestArchive
from support.damage import DAMAGES, execute
from support.history import History
from support.service import PASSWORD, Service
from support.verifying import DAMAGED, DAY, NOW, START, backfilled

from archiver.config import load_config
from archiver.errors import ConfigError, StoreError, UnavailableError
from archiver.model import Fetched
from jobs.verdict import Verdict
from jobs.verify_source import SourceVerification
from refserver.database import NewClick
from storage.verification.base import KEYS_TOLD

stores = pytest.mark.parametrize("store", ["sqlite", "jsonl"])
id_dialects = pytest.mark.parametrize("dialects", [(), ("no-id",)], ids=["ids", "no-id"])


def compare(archive: TestArchive, **asked: object) -> Verdict:
    given = {"start": None, "end": None, "clock": lambda: NOW, **asked}
    passwords = given.pop("passwords", None) or dict.fromkeys(archive.names, PASSWORD)
    return SourceVerification(load_config(archive.path), passwords, **given).verify()


def found(verdict: Verdict) -> list[tuple]:
    return [(each.day, each.what, each.expected, each.found) for each in verdict.differences]


def digest_of_all(archive: TestArchive) -> dict[Path, str]:
    files = archive.directory.glob("**/*.*")
    return {
        file: hashlib.sha256(file.read_bytes()).hexdigest()
        for file in files
        if not file.name.endswith(("-shm", "-wal"))
    }


def change(service: Service, statement: str) -> None:
    with service.database.writing() as connection:
        assert connection.execute(statement).rowcount > 0


@stores
def test_coverage_that_was_made_larger_by_hand_is_shown_by_the_service_alone(utc, archived, store):
    """It looks like time without clicks, until somebody asks."""
    with utc.serving() as url:
        archive = archived(store, url)
        utc.record(NewClick(1, START + 5 * DAY, f"::{n}") for n in range(3))
        execute(archive, "UPDATE coverage SET \"end\" = '2025-09-08T00:00:00Z'")
        assert archive.differences(NOW) == []
        assert found(compare(archive)) == [("2025-09-06", "missing", 0, 3)]


@stores
@id_dialects
def test_the_same_at_both_ends_is_intact(utc, archived, store, dialects):
    """Whatever the pages are; renamed links are no differences."""
    with utc.serving(dialects) as url:
        archive = archived(store, url)
        for link in range(1, 6):
            utc.database.rename_link(link, f"renamed {link}")
        archive.write_config(url, page_size=20)
        verdict = compare(archive)
    assert verdict.as_json() == {
        "outcome": "intact",
        "accounts": [{"name": "acme", "days": 5, "clicks": 400, "differences": 0, "error": None}],
        "differences": [],
        "notes": [],
    }


@stores
@id_dialects
def test_each_difference_is_counted_by_day(utc, archived, store, dialects):
    """Late clicks are missing, deleted ones are extra, other facts are changed; of clicks that are
    alike, as many as differ. Nothing is changed here.
    """
    twins = START + 3 * DAY
    with utc.serving(dialects) as url:
        archive = archived(store, url)
        utc.record([NewClick(1, twins, "::7") for _ in range(3)])
        archive.backfill("2025-09-01", "2025-09-05", NOW, again=True)
        before = digest_of_all(archive)
        utc.record([NewClick(1, twins, "::7"), NewClick(1, START + DAY, "::8")])
        change(utc, "DELETE FROM clicks WHERE clicked_at_local LIKE '2025-09-01%' AND id % 3 = 0")
        change(
            utc,
            "UPDATE clicks SET conversion = '7' WHERE id = (SELECT max(id) FROM clicks "
            "WHERE clicked_at_local LIKE '2025-09-03%')",
        )
        verdict = compare(archive)
    gone = 400 + 3 - utc.clicks_between(START, NOW).total() + 2
    assert found(verdict) == [
        ("2025-09-01", "extra", 0, gone),
        (DAMAGED, "missing", 0, 1),
        ("2025-09-03", "changed", 0, 1),
        ("2025-09-04", "missing", 0, 1),
    ]
    assert verdict.exit_code == 4
    assert gone > KEYS_TOLD
    assert [len(each.keys) for each in verdict.differences] == [KEYS_TOLD, 1, 1, 1]
    [twin] = verdict.differences[3].keys
    assert twin.startswith("id:" if not dialects else "event:")
    assert dialects == () or twin.endswith(":4")
    assert digest_of_all(archive) == before


@stores
def test_revisions_are_what_is_compared(utc, archived, store):
    """A change that the archive knows is none; the next one is."""
    with utc.serving() as url:
        archive = archived(store, url)
        for conversion, outcome in (("1", "intact"), ("2", "intact")):
            change(utc, f"UPDATE clicks SET conversion = '{conversion}'")
            archive.backfill("2025-09-01", "2025-09-05", NOW, again=True)
            assert compare(archive).outcome == outcome
        change(utc, "UPDATE clicks SET conversion = '1'")
        assert sum(each.found for each in compare(archive).differences) == 400


@stores
def test_only_covered_and_settled_time_of_the_period_is_compared(utc, archived, store):
    """Neither what was never archived, nor what isn't asked for, nor what may still change."""
    with utc.serving() as url:
        archive = archived(store, url)
        archive.write_config(url, settle="1h")
        hours = {hour: START + timedelta(hours=hour) for hour in (5, 30, 31, 60, 90)}
        execute(
            archive,
            "DELETE FROM coverage",
            "INSERT INTO coverage VALUES ('acme', '2025-09-01T12:00:00Z', '2025-09-04T00:00:00Z')",
        )
        utc.record(NewClick(1, at, "::1") for at in hours.values())
        now = hours[60] + timedelta(minutes=59)
        assert found(compare(archive, clock=lambda: now)) == [(DAMAGED, "missing", 0, 2)]
        assert found(compare(archive, start="2025-09-02T07:00:00")) == [
            (DAMAGED, "missing", 0, 1), ("2025-09-03", "missing", 0, 1),
        ]  # fmt: skip
        verdict = compare(archive, end="2025-09-02T06:00:01")
        assert found(verdict) == [(DAMAGED, "missing", 0, 1)]
        assert verdict.accounts[0].days == 2
        assert compare(archive, end="2025-09-01").accounts[0].days == 0


def test_the_services_clock_counts_too(utc, archived):
    """Where it is behind, what hasn't settled by it isn't compared."""
    with utc.serving() as url:
        archive = archived("sqlite", url)
    with utc.serving(now=START + DAY) as url:
        archive.write_config(url)
        assert compare(archive).accounts[0].days == 2


@pytest.fixture
def impatient(monkeypatch):
    monkeypatch.setattr("archiver.sources.transport._BACKOFF_SECONDS", 0.01)


def test_windows_that_fail_are_named(tmp_path, impatient):
    """The others are compared; a difference outweighs what couldn't be fetched."""
    history = History("2025-09-01 10:00:00", "2025-09-02 10:00:00", "2025-09-03 10:00:00")
    with history.serving() as url:
        archive = backfilled(tmp_path / "a", url, "sqlite", format="json")
        history.broken.add(DAMAGED)
        verdict = compare(archive)
        assert (verdict.outcome, verdict.exit_code) == ("incomplete", 3)
        [error] = verdict.accounts[0].errors
        assert error.startswith("[2025-09-02T00:00:00Z, 2025-09-03T00:00:00Z): ")
        assert verdict.as_json()["accounts"][0]["error"] == error
        history.record("2025-09-03 11:00:00")
        verdict = compare(archive)
        assert (verdict.outcome, verdict.exit_code) == ("different", 4)
        assert len(verdict.accounts[0].errors) == 1


def test_a_service_that_is_down_is_not_asked_for_hours(tmp_path, impatient):
    """After a few windows without an answer the rest waits; nothing of it tells a secret."""
    history = History()
    with history.serving() as url:
        archive = TestArchive(tmp_path / "a", url, concurrency=1, format="json")
        archive.backfill("2025-08-01", "2025-09-05", NOW)
    archive.write_config("http://127.0.0.1:9/api/")
    verdict = compare(archive)
    assert verdict.outcome == "incomplete"
    assert len(verdict.accounts[0].errors) <= 5
    with history.serving() as url:
        archive.write_config(url, concurrency=1, format="json")
        history.broken.update(f"2025-08-{day:02}" for day in range(1, 32))
        history.broken.update(f"2025-09-{day:02}" for day in range(1, 5))
        assert len(compare(archive).accounts[0].errors) == 35
        history.refuses = True
        [error] = compare(archive).accounts[0].errors
    assert PASSWORD not in error


def test_only_failures_in_a_row_count(tmp_path, monkeypatch):
    """Where every second day can't be had, all the others are compared."""
    monkeypatch.setattr("jobs.comparison.FAILED_IN_A_ROW", 2)
    history = History()
    with history.serving() as url:
        archive = TestArchive(tmp_path / "a", url, concurrency=1, format="json")
        archive.backfill("2025-09-01", "2025-09-09", NOW)
        history.broken.update(f"2025-09-0{day}" for day in range(1, 9, 2))
        assert len(compare(archive).accounts[0].errors) == 4


def test_windows_without_an_answer_end_an_account(tmp_path, monkeypatch):
    """After three the others aren't tried; what is told holds no secret."""

    def unavailable(*_: object) -> Fetched:
        raise UnavailableError(f"no answer to {PASSWORD}")

    history = History()
    with history.serving() as url:
        archive = TestArchive(tmp_path / "a", url, concurrency=1, format="json")
        archive.backfill("2025-09-01", "2025-09-09", NOW)
        monkeypatch.setattr("archiver.sources.linktrack.LinktrackSource.fetch", unavailable)
        errors = compare(archive).accounts[0].errors
    assert [error.split(": ")[-1] for error in errors] == [
        *["no answer to [redacted]"] * 3, "the rest wasn't compared",
    ]  # fmt: skip


def test_a_day_that_cannot_be_read_is_named(utc, archived):
    """The others are compared."""
    with utc.serving() as url:
        archive = archived("jsonl", url)
        DAMAGES["jsonl"]["garbage over a line"](archive, DAMAGED)
        utc.record(NewClick(1, START + day * DAY, "::1") for day in (0, 2))
        verdict = compare(archive)
    assert found(verdict) == [("2025-09-01", "missing", 0, 1), ("2025-09-03", "missing", 0, 1)]
    [error] = verdict.accounts[0].errors
    assert f"repair --account acme --day {DAMAGED}" in error


def test_damage_shows_against_the_source(utc, archived):
    """A row that is lacking, and one that is too much."""
    with utc.serving() as url:
        archive = archived("sqlite", url)
        DAMAGES["sqlite"]["row deleted"](archive, DAMAGED)
        DAMAGES["sqlite"]["row added"](archive, "2025-09-03")
        assert found(compare(archive)) == [
            (DAMAGED, "missing", 0, 1), ("2025-09-03", "extra", 0, 1),
        ]  # fmt: skip


def test_clicks_that_cannot_be_compared(utc, archived):
    """Where ids ceased it is an error; from where on it is known, a warning."""
    with utc.serving() as url:
        archive = archived("sqlite", url)
    with utc.serving(("no-id",)) as url:
        archive.write_config(url)
        verdict = compare(archive)
        assert (verdict.outcome, len(verdict.accounts[0].errors)) == ("incomplete", 4)
        assert "began or ceased to give ids" in verdict.accounts[0].errors[0]
        execute(archive, "UPDATE accounts SET lookback_from = '2025-09-04T23:59:59Z'")
        verdict = compare(archive)
    assert verdict.outcome == "intact"
    [warning] = verdict.accounts[0].warnings
    assert "before 2025-09-04T23:59:59Z isn't compared" in warning


def test_what_cannot_be_compared_at_all_is_refused(utc, archived):
    """Other settings than those that the clicks were archived with; and no archive."""
    with utc.serving() as url:
        archive = archived("sqlite", url)
        archive.write_config(url, "Europe/Zurich")
        with pytest.raises(ConfigError, match=r"timezone was UTC"):
            compare(archive)
        archive.write_config(url)
        with pytest.raises(ConfigError, match=r"--to 2025-09-01 isn't after"):
            compare(archive, start="2025-09-02", end="2025-09-01")
        archive.directory.rename(archive.directory.with_name("elsewhere"))
        with pytest.raises(StoreError, match="there is no archive in"):
            compare(archive)
    assert not archive.directory.exists()


@id_dialects
@pytest.mark.parametrize("ip", ["truncate", "hash", "drop"])
def test_addresses_are_compared_as_they_were_archived(utc, tmp_path, dialects, ip):
    """Whatever the account's ip is today; with another key, or without one, they can't be."""
    utc.populate(200, START, START + 3 * DAY)
    with utc.serving(dialects) as url:
        archive = backfilled(tmp_path / "a", url, "sqlite", ip=ip)
        assert compare(archive).as_json()["accounts"][0]["clicks"] == 200
        archive.write_config(url, ip="keep")
        assert compare(archive).outcome == "intact"
        if ip == "hash":
            (archive.directory / "ip.key").unlink()
            verdict = compare(archive)
            assert verdict.outcome == "incomplete"
            assert "ip.key is missing" in verdict.accounts[0].errors[0]


def test_an_account_that_was_never_archived_has_nothing_to_compare(utc, archived):
    """Nothing is sent for it."""
    with utc.serving() as url:
        archive = archived("sqlite", url)
    archive.names = ("acme", "new")
    with utc.serving() as url:
        archive.write_config(url, ip="hash")
        verdict = compare(archive)
    assert [(account.days, account.errors) for account in verdict.accounts] == [(5, []), (0, [])]


def test_a_login_that_is_refused_is_not_sent_again(tmp_path):
    """Not for another account either: that could lock it."""
    history = History("2025-09-02 10:00:00")
    with history.serving() as url:
        archive = TestArchive(tmp_path / "a", url, names=("acme", "other"), format="json")
        archive.backfill("2025-09-01", "2025-09-05", NOW)
        history.refuses = True
        history.starts.clear()
        verdict = compare(archive)
    assert len(history.starts) == 1
    assert [len(account.errors) for account in verdict.accounts] == [1, 1]
    assert "has the same login" in verdict.accounts[1].errors[0]


def test_a_service_without_a_log_has_nothing_to_compare(utc, archived):
    """It is said; accounts with one are compared."""
    with utc.serving() as url:
        archive = archived("sqlite", url)
        with archive.path.open("a", encoding="utf-8") as config:
            config.write(
                '[[accounts]]\nname = "bees"\nservice = "linkbee"\nlogin = "john"\n'
                f'base_url = "{url}"\npassword_env = "PASSWORD"\ntimezone = "UTC"\n'
            )
        verdict = compare(archive, passwords={"acme": PASSWORD, "bees": PASSWORD})
    assert verdict.outcome == "intact"
    assert [len(account.warnings) for account in verdict.accounts] == [0, 1]


@stores
@pytest.mark.parametrize("again", ["no more", "before it fetches", "after it fetched"])
def test_a_run_meanwhile_raises_no_alarm(utc, archived, store, monkeypatch, again):
    """Late clicks that a run archives after a window was fetched, and again while it is looked
    at a second time, are neither missing nor extra.
    """
    with utc.serving() as url:
        archive = archived(store, url)
        late = iter(range(100))

        def come_late_and_be_archived() -> None:
            utc.record([NewClick(1, START, f"::{next(late):x}")])
            archive.backfill("2025-09-01", "2025-09-02", NOW, again=True)

        known, fetched = (
            "storage.reading:ArchiveReader.known_clicks",
            "jobs.comparison:fetch_slices",
        )
        calls = {known: {1}, fetched: set()}
        if again == "before it fetches":
            calls[fetched].add(2)
        if again == "after it fetched":
            calls[known].add(3)
        for name, numbers in calls.items():
            _before_calls(monkeypatch, name, numbers, come_late_and_be_archived)
        assert found(compare(archive, start="2025-09-01", end="2025-09-02")) == []
        assert next(late) == (1 if again == "no more" else 2)


@stores
def test_what_differs_while_a_run_is_at_work_is_found(utc, archived, store, monkeypatch):
    """The second look sees the same."""
    with utc.serving() as url:
        archive = archived(store, url)
        utc.record([NewClick(1, START + DAY, "::1")])
        change(utc, "DELETE FROM clicks WHERE id = (SELECT min(id) FROM clicks)")
        change(utc, "UPDATE clicks SET conversion = '1' WHERE id = 5")
        expected = found(compare(archive))
        assert len(expected) == 3
        _before_calls(
            monkeypatch,
            "storage.reading:ArchiveReader.known_clicks",
            {1},
            lambda: archive.backfill("2025-09-03", "2025-09-04", NOW, again=True),
        )
        assert found(compare(archive)) == expected


def _before_calls(monkeypatch, name: str, numbers: set[int], act: Callable[[], object]) -> None:
    """Do something just before some of the calls of a function, counted from 1."""
    inner = pkgutil.resolve_name(name)
    calls = count(1)

    def outer(*arguments):
        if next(calls) in numbers:
            act()
        return inner(*arguments)

    monkeypatch.setattr(name.replace(":", "."), outer)
