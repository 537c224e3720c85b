"""What happens between runs: machines that were off, days that failed, links that were renamed."""

import sqlite3
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from threading import Lock

import pytest
from support.archive import TestArchive

from archiver.errors import ConfigError
from refserver.app import create_app
from refserver.database import NewClick
from refserver.serving import running

START = datetime(2025, 9, 1, tzinfo=UTC)
NOON = datetime(2025, 9, 5, 12, tzinfo=UTC)
SETTLE = timedelta(minutes=10)
DAY = timedelta(days=1)
RENAMED_FIELDS = {"clicked_at": "created_at", "referrer": "referer", "user_agent": "agent"}

stores = pytest.mark.parametrize("store", ["sqlite", "jsonl"])
id_dialects = pytest.mark.parametrize("dialects", [(), ("no-id",)], ids=["ids", "no-id"])


@contextmanager
def failing_on(service, day: str):
    """Serve the API, with HTTP 500 for windows that begin on a day, while `broken` is set."""
    app = create_app(service.database, ())
    state = {"broken": True}
    inner = app.wsgi_app

    def outer(environ, start_response):
        body = environ["wsgi.input"].read()
        environ["wsgi.input"] = _Replayed(body)
        if state["broken"] and f"start={day}".encode() in body:
            start_response("500 Oops", [("Content-Length", "0")])
            return [b""]
        return inner(environ, start_response)

    app.wsgi_app = outer
    with running(app) as address:
        yield f"{address}/api/v1_0/", state


class _Replayed:
    """A request's body, to be read once more."""

    def __init__(self, body: bytes) -> None:
        self._body = body
        self._lock = Lock()

    def read(self, size: int = -1) -> bytes:
        with self._lock:
            end = len(self._body) if size < 0 else size
            taken, self._body = self._body[:end], self._body[end:]
            return taken

    def readline(self, size: int = -1) -> bytes:
        return self.read(size)


@stores
def test_a_machine_that_was_off_catches_up(utc, tmp_path, store):
    """After three days off, status says how far behind it is, and the next run is exact."""
    utc.populate(3000, START, START + 10 * DAY)
    with utc.serving() as url:
        archive = TestArchive(tmp_path / "a", url, store=store)
        archive.run(NOON)
        back = NOON + 3 * DAY
        assert archive.status(back)["behind_seconds"] == 3 * 86400
        report = archive.run(back)
    assert report.outcome == "complete"
    assert archive.clicks() == utc.clicks_between(NOON - DAY, back - SETTLE)
    assert archive.status(back)["behind_seconds"] == 0


def test_a_day_that_failed_is_a_gap_and_the_next_run_fills_it(utc, tmp_path, monkeypatch):
    """One failing day among good ones: the others are archived, it is named, and filled later."""
    monkeypatch.setattr("archiver.sources.transport._BACKOFF_SECONDS", 0.01)
    utc.populate(3000, START, START + 10 * DAY)
    with failing_on(utc, "2025-09-03") as (url, state):
        archive = TestArchive(tmp_path / "a", url, since="2025-09-01")
        report = archive.run(NOON)
        assert report.outcome == "partial"
        assert "2025-09-03" in report.accounts[0].error
        gap = {"start": "2025-09-03T00:00:00Z", "end": "2025-09-04T00:00:00Z"}
        assert archive.status(NOON)["gaps"] == [gap]
        assert archive.status(NOON)["last_run"]["outcome"] == "partial"
        state["broken"] = False
        assert archive.run(NOON + DAY).outcome == "complete"
    assert archive.status(NOON + DAY)["gaps"] == []
    assert archive.clicks() == utc.clicks_between(START, NOON + DAY - SETTLE)


@stores
@id_dialects
def test_a_renamed_link_doubles_nothing(utc, tmp_path, store, dialects):
    """Between two overlapping backfills every link gets another title: no click is new."""
    utc.populate(2000, START, START + 5 * DAY, links=5)
    with utc.serving(dialects) as url:
        archive = TestArchive(tmp_path / "a", url, store=store)
        archive.backfill("2025-09-01", "2025-09-04", NOON)
        for link in range(1, 6):
            utc.database.rename_link(link, f"renamed {link} 🏆")
        report = archive.backfill("2025-09-02", "2025-09-06", NOON, again=True)
    assert report.outcome == "complete"
    assert archive.clicks() == utc.clicks_between(START, NOON - SETTLE)


@stores
@id_dialects
def test_a_click_that_comes_late_is_found_by_the_lookback(utc, tmp_path, store, dialects):
    """A click with a time that is covered already is archived by the next run."""
    link = utc.open_account()
    clicked_at = NOON - timedelta(hours=3)
    utc.record([NewClick(link, clicked_at, "192.0.2.1")])
    with utc.serving(dialects) as url:
        archive = TestArchive(tmp_path / "a", url, store=store)
        archive.run(NOON)
        utc.record([NewClick(link, clicked_at, "192.0.2.1"), NewClick(link, clicked_at, "::1")])
        report = archive.run(NOON + timedelta(hours=1))
    assert report.accounts[0].new == 2
    assert archive.clicks() == utc.clicks_between(NOON - DAY, NOON)


@stores
@id_dialects
def test_changed_facts_are_a_revision_once(utc, tmp_path, store, dialects):
    """A conversion that comes later is kept beside the click, which stays as it was."""
    link = utc.open_account()
    utc.record([NewClick(link, NOON - timedelta(hours=2), "192.0.2.1") for _ in range(3)])
    with utc.serving(dialects) as url:
        archive = TestArchive(tmp_path / "a", url, store=store)
        archive.run(NOON)
        before = archive.export()
        with utc.database.writing() as connection:
            connection.execute("UPDATE clicks SET conversion = '9.50' WHERE id = 2")
        for hours in range(1, 4):
            assert archive.run(NOON + timedelta(hours=hours)).accounts[0].new == 0
    assert archive.export() == before
    with closing(sqlite3.connect(archive.directory / "archive.db")) as connection:
        revisions = connection.execute("SELECT conversion FROM click_revisions").fetchall()
    assert revisions == [("9.50",)]


@stores
def test_ids_that_cease_end_the_lookback_and_double_nothing(utc, tmp_path, store):
    """Where the service ceases to send ids, known clicks aren't looked at again; new ones come."""
    utc.populate(1500, START, START + 10 * DAY)
    archive = TestArchive(tmp_path / "a", "http://127.0.0.1:9/", store=store)
    with utc.serving() as url:
        archive.write_config(url)
        archive.run(NOON)
    with utc.serving(("no-id",)) as url:
        archive.write_config(url)
        report = archive.run(NOON + DAY)
        assert report.outcome == "complete"
        assert any("ids" in warning for warning in report.accounts[0].warnings)
        later = archive.run(NOON + 2 * DAY)
    assert later.outcome == "complete"
    assert not any("ids" in warning for warning in later.accounts[0].warnings)
    assert archive.clicks() == utc.clicks_between(NOON - DAY, NOON + 2 * DAY - SETTLE)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"timezone": "Europe/Zurich"}, "timezone was UTC"),
        ({"fields": {"referrer": "referer"}}, "fields was {}"),
    ],
    ids=["timezone", "fields"],
)
def test_a_changed_identity_is_refused_with_the_remedy(utc, tmp_path, changed, said):
    """What would double or hide clicks is refused, and nothing is changed."""
    utc.populate(500, START, START + 5 * DAY)
    with utc.serving() as url:
        archive = TestArchive(tmp_path / "a", url)
        archive.run(NOON)
        before = archive.export()
        archive.write_config(url, **changed)
        with pytest.raises(ConfigError, match=r"give the account a new name") as refused:
            archive.run(NOON + DAY)
    assert said in str(refused.value)
    assert archive.export() == before


def test_a_changed_store_is_refused_with_the_remedy(utc, tmp_path):
    """An archive doesn't begin anew beside the full one."""
    utc.populate(500, START, START + 5 * DAY)
    with utc.serving() as url:
        archive = TestArchive(tmp_path / "a", url)
        archive.run(NOON)
        archive.store = "jsonl"
        archive.write_config(url)
        with pytest.raises(ConfigError, match=r"Set it back to 'sqlite'"):
            archive.run(NOON + DAY)
    assert not (archive.directory / "clicks").exists()


def test_a_clock_that_was_ahead_is_taken_back(utc, tmp_path):
    """What a wrong clock covered isn't believed: it is fetched when its time has come."""
    link = utc.open_account()
    utc.record([NewClick(link, NOON - timedelta(hours=1), "192.0.2.1")])
    archive = TestArchive(tmp_path / "a", "http://127.0.0.1:9/")
    with utc.serving() as url:
        archive.write_config(url)
        archive.run(NOON + 5 * DAY)
    utc.record([NewClick(link, NOON + timedelta(hours=1), "192.0.2.1")])
    with utc.serving(now=NOON) as url:
        archive.write_config(url)
        report = archive.run(NOON)
        assert any("clock was wrong" in warning for warning in report.accounts[0].warnings)
        assert archive.status(NOON)["covered"][-1]["end"] == "2025-09-05T11:50:00Z"
    with utc.serving() as url:
        archive.write_config(url)
        archive.run(NOON + DAY)
    assert ("2025-09-05 13:00:00", "1", "192.0.2.1", None, None, None, True, None) in (
        archive.clicks()
    )


def test_clicks_that_shift_the_pages_are_neither_lost_nor_doubled(utc, tmp_path):
    """Clicks inserted while pages are read: the slice is read again, and is exact in the end."""
    link = utc.open_account()
    utc.record(NewClick(link, START + timedelta(seconds=n), "192.0.2.1") for n in range(900))
    app = create_app(utc.database, ())
    inner, served = app.wsgi_app, []

    def outer(environ, start_response):
        served.append(1)
        if len(served) in (2, 5):
            utc.record([NewClick(link, START, f"198.51.100.{len(served)}")])
        return inner(environ, start_response)

    app.wsgi_app = outer
    with running(app) as address:
        archive = TestArchive(tmp_path / "a", f"{address}/api/v1_0/", page_size=100)
        report = archive.backfill("2025-09-01", "2025-09-02", NOON)
    assert report.outcome == "complete", report
    assert archive.clicks() == utc.clicks_between(START, START + DAY)
    assert archive.clicks().total() == 902


def test_a_clock_that_is_behind_takes_nothing_back(utc, tmp_path):
    """A machine that wakes up in 2022 doesn't undo what is archived, nor want years more."""
    utc.populate(1000, START, START + 10 * DAY)
    with utc.serving() as url:
        archive = TestArchive(tmp_path / "a", url)
        archive.run(NOON)
        covered = archive.status(NOON)["covered"]
        archive.run(NOON - 1000 * DAY)
        assert archive.status(NOON)["covered"] == covered
        assert archive.status(NOON)["gaps"] == []
        assert archive.run(NOON + DAY).outcome == "complete"
    assert archive.clicks() == utc.clicks_between(NOON - DAY, NOON + DAY - SETTLE)


@pytest.mark.parametrize("between", ["a failing lookback", "a backfill"])
def test_a_lookback_that_was_missed_is_made_up_for(utc, tmp_path, monkeypatch, between):
    """A late click is found although a run failed to look back, or a backfill moved on."""
    monkeypatch.setattr("archiver.sources.transport._BACKOFF_SECONDS", 0.01)
    link = utc.open_account()
    utc.record([NewClick(link, NOON - timedelta(hours=2), "192.0.2.1")])
    with failing_on(utc, "2025-09-04") as (url, state):
        state["broken"] = False
        archive = TestArchive(tmp_path / "a", url, lookback="26h")
        archive.run(NOON)
        utc.record([NewClick(link, NOON - timedelta(hours=20), "::1")])
        if between == "a backfill":
            archive.backfill("2025-09-05", "2025-09-09", NOON + 3 * DAY)
        else:
            state["broken"] = True
            assert archive.run(NOON + DAY).outcome == "partial"
            state["broken"] = False
        archive.run(NOON + 4 * DAY)
    assert archive.clicks().total() == 2


def test_a_period_that_fails_does_not_stand_in_the_way_of_later_ones(utc, tmp_path, monkeypatch):
    """Four days that can't be had are named; all days after them are archived, run after run."""
    monkeypatch.setattr("archiver.sources.transport._BACKOFF_SECONDS", 0.01)
    utc.populate(3000, START, START + 20 * DAY)
    app = create_app(utc.database, ())
    inner = app.wsgi_app

    def outer(environ, start_response):
        body = environ["wsgi.input"].read()
        environ["wsgi.input"] = _Replayed(body)
        if any(f"start=2025-09-0{day}".encode() in body for day in (1, 2, 3, 4)):
            start_response("500 Oops", [("Content-Length", "0")])
            return [b""]
        return inner(environ, start_response)

    app.wsgi_app = outer
    now = START + 15 * DAY
    with running(app) as address:
        archive = TestArchive(tmp_path / "a", f"{address}/api/v1_0/", since="2025-09-01")
        assert archive.run(now).outcome == "partial"
    assert archive.clicks() == utc.clicks_between(START + 4 * DAY, now - SETTLE)
    assert archive.status(now)["gaps"] == [
        {"start": "2025-09-01T00:00:00Z", "end": "2025-09-05T00:00:00Z"}
    ]


def test_a_service_that_does_not_heed_the_window_covers_nothing(utc, tmp_path):
    """Where start and end have other names at the service, no time is taken for archived."""
    utc.populate(1000, START, START + 10 * DAY)
    with utc.serving(("renamed",), now=NOON + DAY) as url:
        archive = TestArchive(tmp_path / "a", url, fields=RENAMED_FIELDS, since="2025-09-01")
        report = archive.run(NOON)
    assert report.outcome == "failed"
    assert archive.status(NOON)["covered"] == []


def test_ids_that_come_with_another_time_are_new_clicks_and_a_warning(utc, tmp_path):
    """An account's time zone is changed at the service: what comes twice is said."""
    link = utc.open_account()
    utc.record([NewClick(link, NOON - timedelta(hours=8), "192.0.2.1")])
    with utc.serving() as url:
        archive = TestArchive(tmp_path / "a", url)
        archive.run(NOON)
        with utc.database.writing() as connection:
            connection.execute("UPDATE clicks SET clicked_at_local = '2025-09-05 05:00:00'")
        report = archive.run(NOON + timedelta(hours=1))
    assert report.accounts[0].new == 1
    assert any("another time" in warning for warning in report.accounts[0].warnings)


def test_a_day_that_another_program_cut_is_not_counted_twice(utc, tmp_path):
    """What was deleted comes back by `repair` alone: the next run says so, and adds nothing."""
    start, now = datetime(2025, 9, 1, tzinfo=UTC), datetime(2025, 9, 3, 12, tzinfo=UTC)
    utc.populate(400, start, now)
    with utc.serving() as url:
        archive = TestArchive(tmp_path / "a", url)
        archive.backfill("2025-09-01", "2025-09-04", now)
        days = archive.query("SELECT * FROM days")
        with closing(sqlite3.connect(archive.directory / "archive.db")) as connection, connection:
            connection.execute(
                "DELETE FROM clicks WHERE clicked_at > '2025-09-03T02' "
                "AND CAST(id AS INTEGER) % 2 = 0"
            )
        before = archive.clicks()
        account = archive.run(now + timedelta(minutes=30)).accounts[0]
        assert "link-archiver repair --account acme --day 2025-09-0" in account.error
        assert archive.clicks() == before
        assert archive.query("SELECT * FROM days") == days
