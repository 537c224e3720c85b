"""Records that can't be understood: kept, covered, told once; clicks beside them are archived."""

import json
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import pytest
from support.archive import TestArchive
from support.garbled import GarbledHistory

from archiver.model import AccountReport
from jobs.rejected import rejected_records
from storage.opening import open_archive

NOON = datetime(2025, 9, 5, 12, tzinfo=UTC)
DAY, HOUR = timedelta(days=1), timedelta(hours=1)
NO_TIME = "clicked_at: it has no time"


@pytest.fixture(params=["sqlite", "jsonl"])
def store(request) -> str:
    return request.param


@pytest.fixture
def history() -> GarbledHistory:
    """Two good clicks of the last day."""
    history = GarbledHistory()
    history.record("2025-09-04 16:00:00", id="1", ip="192.0.2.1")
    history.record("2025-09-05 10:00:00", id="2", ip="192.0.2.2")
    return history


@pytest.fixture
def address(history) -> Iterator[str]:
    with history.serving() as served:
        yield served


@pytest.fixture
def new_archive(tmp_path, address, store) -> Callable[..., TestArchive]:
    def make(**settings) -> TestArchive:
        return TestArchive(tmp_path, address, store=store, **{"format": "json", **settings})

    return make


def run(archive: TestArchive, now: datetime = NOON) -> AccountReport:
    [report] = archive.run(now).accounts
    return report


def listed(archive: TestArchive) -> list[tuple[str, str, str]]:
    """What is kept: the day that it came with, why, and its text."""
    records = rejected_records(archive.directory, [], [])
    return [(record.start[:10], record.reason, record.text) for record in records]


# Kept, covered, told


@pytest.mark.parametrize("form", ["json", "xml"])
def test_it_is_kept_and_its_slice_is_covered(new_archive, history, form) -> None:
    """The clicks beside it are archived, the run is partial and tells how many, why and where."""
    history.garble("2025-09-05 09:00:00", id="3", link_id="17", referrer="http://r.example/ü")
    history.record("2025-09-05 09:30:00", id="4", title=["a", "b"])
    history.record("2025-09-05 09:40:00", id="5", ip={"v4": "192.0.2.5"})
    history.records.append(
        ("2025-09-05 09:50:00", {"id": "6", "clicked_at": "0001-01-01 00:00:00"})
    )
    archive = new_archive(format=form)
    report = run(archive)
    assert (report.outcome, report.new, report.fetched, report.rejected) == ("partial", 2, 2, 4)
    assert report.error.startswith("4 new records can't be understood: ")
    for reason in ("clicked_at: it has no time (1)", "title: a list, not a text (1)",
                   "ip: a dict, not a text (1)", "first or last year (1)"):  # fmt: skip
        assert reason in report.error
    assert report.error.endswith("Kept beside the clicks: see `link-archiver rejected`")
    texts = {json.loads(text)["id"]: json.loads(text) for _, _, text in listed(archive)}
    assert texts["3"] == {"id": "3", "link_id": "17", "referrer": "http://r.example/ü"}
    assert texts["4"] == {"clicked_at": "2025-09-05 09:30:00", "id": "4", "title": ["a", "b"]}
    assert texts["5"]["ip"] == {"v4": "192.0.2.5"}
    assert {click["id"] for click in archive.stored()} == {"1", "2"}
    status = archive.status(NOON)
    assert status["gaps"] == []
    assert status["covered"][-1]["end"] == "2025-09-05T11:50:00Z"
    assert status["last_run"]["error"] == report.error


def test_it_is_told_once(new_archive, history) -> None:
    """The lookback sees it again and says nothing; a new one beside it is told alone."""
    history.garble("2025-09-05 09:00:00", link_id="17")
    archive = new_archive()
    assert run(archive).rejected == 1
    for now in (NOON, NOON + HOUR, NOON + 12 * HOUR):
        report = run(archive, now)
        assert (report.outcome, report.error, report.rejected) == ("complete", None, 0)
    history.garble("2025-09-05 09:00:01", link_id="18")
    report = run(archive, NOON + 13 * HOUR)
    assert (report.outcome, report.rejected) == ("partial", 1)
    assert report.error.startswith(f"1 new record can't be understood: {NO_TIME} (1)")
    assert run(archive, NOON + 14 * HOUR).outcome == "complete"
    assert len(listed(archive)) == 2


def test_a_run_that_was_ended_leaves_it_to_the_next_one(new_archive, history, monkeypatch) -> None:
    """What is stored and was never told is told."""
    history.garble("2025-09-05 09:00:00", link_id="17")
    archive = new_archive()

    class Killed(BaseException):
        pass

    def end(*_: object) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr("jobs.archiving.Job._keep_lookback", end)
        with pytest.raises(Killed):
            archive.run(NOON)
    assert len(listed(archive)) == 1
    report = run(archive)
    assert (report.outcome, report.rejected, report.new) == ("partial", 1, 0)
    assert run(archive).outcome == "complete"


def test_nothing_but_nonsense_is_archived_too(new_archive, history) -> None:
    """Where at least the field of the time is there, the names are right."""
    history.records = [("2025-09-05 09:00:00", {"clicked_at": None, "id": str(n)}) for n in "34"]
    archive = new_archive()
    report = run(archive)
    assert (report.outcome, report.new, report.rejected) == ("partial", 0, 2)
    assert archive.status(NOON)["gaps"] == []


def test_wrong_names_cover_nothing(new_archive, history) -> None:
    """Where no record has the time's field, all would be nonsense: the setting is named instead,
    and with it mended all is archived.
    """
    history.records = [
        (at, {"created_at": at, "id": record["id"]}) for at, record in history.records
    ]
    report = run(new_archive())
    assert (report.outcome, report.rejected) == ("failed", 0)
    assert "no record has the field clicked_at" in report.error
    assert "[accounts.fields]" in report.error
    archive = new_archive()
    assert archive.query("SELECT count(*) FROM coverage") == [(0,)]
    assert listed(archive) == []


def test_a_lone_record_without_the_field_is_no_wrong_name(new_archive, history) -> None:
    """Other slices of the run show that the names are right."""
    history.garble("2025-09-04 09:00:00", link_id="17")
    archive = new_archive(since="2025-09-03", concurrency=1)
    report = run(archive)
    assert (report.outcome, report.new, report.rejected) == ("partial", 2, 1)
    assert archive.status(NOON)["gaps"] == []


def test_accounts_are_told_apart(new_archive, history) -> None:
    """Each of them says what is its own."""
    history.garble("2025-09-05 09:00:00", link_id="17")
    archive = new_archive(names=("acme", "bees"))
    assert [report.rejected for report in archive.run(NOON).accounts] == [1, 1]
    assert [report.rejected for report in archive.run(NOON).accounts] == [0, 0]


# The same one, or another


def test_alike_ones_are_as_many(new_archive, history) -> None:
    """Two that nobody can tell apart are two, and stay two."""
    for _ in range(2):
        history.garble("2025-09-05 09:00:00", link="http://l/.1")
    archive = new_archive()
    assert run(archive).rejected == 2
    assert run(archive, NOON + HOUR).rejected == 0
    assert len(listed(archive)) == 2


@pytest.mark.parametrize("click_id", ["9", None])
def test_slices_that_are_cut_differently_make_no_new_one(new_archive, history, click_id) -> None:
    """Whatever the runs' hours, the budget of a slice, and what is fetched again."""
    known = {"id": click_id} if click_id else {}
    for hour in range(24):
        history.record(f"2025-09-04 {hour:02}:30:00", id=f"1{hour:02}")
    history.garble("2025-09-04 13:00:00", link="http://l/.1", **known)
    history.garble("2025-09-04 13:00:01", link="http://l/.2", **known)
    archive = new_archive(since="2025-09-04", page_size=5)
    midnight = datetime(2025, 9, 4, tzinfo=UTC)
    reports = [run(archive, midnight + number * HOUR + number * timedelta(seconds=77))
               for number in range(10, 32, 3)]  # fmt: skip
    reports += archive.backfill("2025-09-04", "2025-09-05", NOON, again=True).accounts
    reports.append(run(archive))
    assert sum(report.rejected for report in reports) == 2
    assert len(listed(archive)) == 2
    assert len(archive.stored()) == 26
    assert archive.status(NOON)["gaps"] == []


@pytest.mark.parametrize(
    ("always", "kept"), [({"id": "9"}, 1), ({"link": "http://l/.1"}, 2)], ids=["id", "no-id"]
)
def test_what_is_given_with_every_slice_is_not_new_each_time(
    new_archive, history, always, kept
) -> None:
    """Without an id it is one a day, for then nobody can tell; with one it is one for ever."""
    history.always = [always]
    history.record("2025-09-06 00:10:00", id="3")
    archive = new_archive(concurrency=1)
    reports = [run(archive, NOON + number * timedelta(minutes=90)) for number in range(7)]
    assert [report.rejected for report in reports] == [kept, *[0] * 6]
    assert len(listed(archive)) == kept
    assert run(archive, NOON + 13 * HOUR).rejected == kept - 1


def test_a_renamed_link_makes_no_new_one(new_archive, history) -> None:
    """As with clicks: title, group and destination are the link's."""
    history.garble("2025-09-05 09:00:00", link_id="17", title="Old")
    archive = new_archive()
    run(archive)
    history.records[-1] = ("2025-09-05 09:00:00", {"link_id": "17", "title": "New"})
    assert run(archive).rejected == 0
    assert len(listed(archive)) == 1


def test_a_change_of_format_makes_no_new_one(new_archive, history) -> None:
    """XML and JSON say the same, empty fields or none."""
    history.garble("2025-09-05 09:00:00", link_id="17", referrer="", country=None)
    archive = new_archive(format="xml")
    assert run(archive).rejected == 1
    history.records[-1] = ("2025-09-05 09:00:00", {"country": None, "link_id": "17"})
    assert run(new_archive(format="json")).rejected == 0


# Paging


@pytest.mark.parametrize("total", [True, False])
@pytest.mark.parametrize("ids", [True, False])
@pytest.mark.parametrize("pagination", ["offset", "bisect"])
@pytest.mark.parametrize("form", ["json", "xml"])
def test_it_breaks_no_paging(new_archive, history, total, ids, pagination, form) -> None:
    """Pages and splits count what the service gave: each click and each record is there once."""
    history.records.clear()
    history.states_total = total
    history.cap = 7
    for number in range(100):
        at = f"2025-09-05 {number // 10:02}:{number % 10 * 5:02}:00"
        values = {"ip": f"192.0.2.{number}"} | ({"id": f"{number:03}"} if ids else {})
        if number % 3:
            history.record(at, **values)
        else:
            history.garble(at, **values)
    archive = new_archive(pagination=pagination, page_size=7, format=form)
    report = run(archive)
    assert (report.new, report.fetched, report.rejected) == (66, 66, 34)
    assert len(report.errors) == 1
    kept = Counter(json.loads(text)["ip"] for _, _, text in listed(archive))
    assert kept == Counter(f"192.0.2.{number}" for number in range(0, 100, 3))
    report = run(archive)
    assert (report.outcome, report.new, report.rejected) == ("complete", 0, 0)


# An archive of before


def test_an_archive_of_an_earlier_version_gets_its_table(new_archive, history, store) -> None:
    """The next run adds it."""
    archive = new_archive()
    run(archive)
    with open_archive(archive.directory, store) as opened, opened.transaction():
        opened.connection.execute("DROP TABLE rejected")
        opened.connection.execute("DROP TABLE ip_key")
        opened.connection.execute("DELETE FROM _sqlite_migrations WHERE name = 'create_rejected'")
    assert listed(archive) == []
    history.garble("2025-09-05 09:00:00", id="3")
    assert run(archive).rejected == 1


def test_export_knows_clicks_alone(new_archive, history) -> None:
    """What can't be understood is in no export."""
    archive = new_archive()
    run(archive)
    before = archive.export()
    history.garble("2025-09-05 09:00:00", id="3")
    assert run(archive).rejected == 1
    assert archive.export() == before
