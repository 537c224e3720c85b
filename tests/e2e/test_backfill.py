"""`backfill`: a stated period, as far as it has settled."""

from datetime import UTC, datetime, timedelta

import pytest
from e2e.processes import NOW, watching
from support.archive import TestArchive

START, END = datetime(2024, 5, 1, tzinfo=UTC), datetime(2024, 5, 5, tzinfo=UTC)
DAY = timedelta(days=1)


@pytest.fixture
def old_service(service):
    """A service whose clicks are all of four days, long ago."""
    service.populate(400, START, END)
    return service


@pytest.mark.parametrize(
    ("period", "said"),
    [
        ([], "Missing option '--from'"),
        (["--to", "2024-05-01"], "Missing option '--from'"),
        (["--from", "10", "--to", "2024-05-01"], "--from: not a time: '10'; write 2026-11-19"),
        (["--from", "2024-05-01", "--to", "yesterday"], "--to: not a time: 'yesterday'"),
        (["--from", "2024-5-1", "--to", "2024-05-02"], "--from: not a time: '2024-5-1'"),
        (["--from", "2024-02-30", "--to", "2024-05-02"], "--from: "),
        (["--from", "2024-05-02", "--to", "2024-05-01"], "isn't after --from 2024-05-02"),
        (["--from", "2024-05-02", "--to", "2024-05-02"], "--to is out, so that a day is"),
        (["--from", "2200-01-01"], "--from 2200-01-01 hasn't come yet"),
    ],
)
def test_a_period_that_is_none_is_refused(link_archiver, period, said) -> None:
    """Exit 2, stdout empty, what is accepted is said, and nothing is fetched or begun."""
    archive = TestArchive(link_archiver.folder, "http://127.0.0.1:1/")
    told = link_archiver("backfill", *period, "--json", code=2)
    assert told.out == ""
    assert said in told.err
    assert not archive.directory.exists()


@pytest.mark.parametrize("store", ["sqlite", "jsonl"])
def test_it_archives_what_is_not_covered(link_archiver, old_service, store) -> None:
    """Overlapping periods fetch each day once; --again fetches all of it and adds nothing."""
    with watching(old_service) as (watched, address):
        archive = TestArchive(link_archiver.folder, address, store=store)
        told = link_archiver(*_backfill(START + DAY, START + 3 * DAY), "--json")
        first = old_service.clicks_between(START + DAY, START + 3 * DAY)
        assert told.err == ""
        assert told.json["accounts"][0]["new"] == first.total()
        assert archive.clicks() == first
        assert _days(watched) == [2, 3]

        told = link_archiver(*_backfill(START, END), "--json")
        assert told.json["accounts"][0]["new"] == 400 - first.total()
        assert told.json["accounts"][0]["duplicates"] == 0
        assert _days(watched) == [1, 4]

        told = link_archiver(*_backfill(START, END), "--json")
        assert told.json == {"outcome": "complete", "accounts": [_nothing_done()]}
        assert _days(watched) == []

        told = link_archiver(*_backfill(START + DAY, END), "--again", "--json")
        [account] = told.json["accounts"]
        assert (account["new"], account["windows"]) == (0, 3)
        assert account["duplicates"] == old_service.clicks_between(START + DAY, END).total()
        assert _days(watched) == [2, 3, 4]
    assert archive.clicks() == old_service.clicks_between(START, END)
    assert link_archiver.status()["covered"] == [
        {"start": "2024-05-01T00:00:00Z", "end": "2024-05-05T00:00:00Z"}
    ]


def test_times_are_the_accounts_unless_they_have_an_offset(link_archiver, service) -> None:
    """A date is its midnight in the account's zone, `--to` is out, an offset is exact."""
    service.timezone = "America/New_York"
    service.populate(400, START, END)
    with service.serving() as address:
        archive = TestArchive(link_archiver.folder, address, timezone=service.timezone)
        link_archiver("backfill", "--from", "2024-05-02", "--to", "2024-05-03T08:00")
        [covered] = link_archiver.status()["covered"]
        assert covered == {"start": "2024-05-02T04:00:00Z", "end": "2024-05-03T12:00:00Z"}
        link_archiver(
            "backfill", "--from", "2024-05-02T02:00:00+02:00", "--to", "2024-05-02T06:00:00Z"
        )
        [covered] = link_archiver.status()["covered"]
    assert covered == {"start": "2024-05-02T00:00:00Z", "end": "2024-05-03T12:00:00Z"}
    assert archive.clicks() == service.clicks_between(
        START + DAY, START + 2 * DAY + timedelta(hours=12)
    )


def test_nothing_is_covered_that_has_not_settled(link_archiver, busy_service, address) -> None:
    """A period that goes into the future is archived as far as it has settled, and that is said;
    one that lies wholly in the future brings nothing.
    """
    archive = TestArchive(link_archiver.folder, address, settle="2h")
    told = link_archiver(*_backfill(NOW - DAY, NOW + DAY), "--json")
    [covered] = link_archiver.status()["covered"]
    assert "acme: warning: --to " in told.err
    assert f"later than what has settled: archived up to {covered['end']}" in told.err
    end = datetime.fromisoformat(covered["end"])
    assert timedelta(0) <= end - (NOW - timedelta(hours=2)) < timedelta(hours=1)
    assert archive.clicks() == busy_service.clicks_between(NOW - 2 * DAY, end)

    told = link_archiver(*_backfill(NOW + DAY, NOW + 2 * DAY), "--json")
    assert told.json["accounts"] == [_nothing_done()]
    assert "later than what has settled" in told.err
    assert link_archiver.status()["covered"] == [covered]


def test_without_an_end_it_takes_all_that_settled(link_archiver, busy_service, address) -> None:
    """Up to now less settle, and there is nothing to warn of; a run goes on from there."""
    archive = TestArchive(link_archiver.folder, address, settle="2h")
    told = link_archiver("backfill", "--from", _text(NOW - 2 * DAY))
    assert (told.out, told.err) == ("", "")
    [covered] = link_archiver.status()["covered"]
    assert covered["start"] == _text(NOW - 2 * DAY)
    end = datetime.fromisoformat(covered["end"])
    assert timedelta(0) <= end - (NOW - timedelta(hours=2)) < timedelta(hours=1)
    assert archive.clicks() == busy_service.clicks_between(NOW - 2 * DAY, end)
    link_archiver("run")
    assert len(link_archiver.status()["covered"]) == 1


def test_a_backfill_does_not_move_where_runs_begin(link_archiver, busy_service, address) -> None:
    """`run` wants what came since a day before the account's first run, whatever was backfilled
    before.
    """
    archive = TestArchive(link_archiver.folder, address)
    link_archiver(*_backfill(NOW - 5 * DAY, NOW - 4 * DAY))
    assert link_archiver.status()["gaps"] == []
    link_archiver("run")
    status = link_archiver.status()
    first, last = status["covered"]
    assert first["end"] == _text(NOW - 4 * DAY)
    assert last["start"] >= _text(NOW - DAY)
    assert status["gaps"] == []
    assert archive.clicks() == busy_service.clicks_between(NOW - 2 * DAY, NOW)


def _backfill(start: datetime, end: datetime) -> list[str]:
    return ["backfill", "--from", _text(start), "--to", _text(end)]


def _text(instant: datetime) -> str:
    return f"{instant:%Y-%m-%dT%H:%M:%SZ}"


def _days(watched) -> list[int]:
    """Which days of the month were asked for since the last time."""
    days = sorted({int(start[8:10]) for start in watched.starts})
    watched.starts.clear()
    return days


def _nothing_done() -> dict[str, object]:
    return {
        "name": "acme", "outcome": "complete", "fetched": 0, "new": 0, "duplicates": 0,
        "windows": 0, "error": None,
    }  # fmt: skip
