"""What is worth a warning: days without clicks where many are usual, and what the service lost."""

import random
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, date, datetime, timedelta
from math import exp
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.archive import TestArchive
from support.clicks import unhurried
from support.history import History

from archiver.model import AccountReport, Link, Window
from archiver.windows import merge, total_seconds
from jobs.anomalies import (
    MANY,
    note_falls,
    note_gone,
    odd_days,
    tell_anomalies,
    usual_clicks,
    whole_days,
)
from storage.opening import open_archive
from storage.settings import IdentitySettings

DAY = timedelta(days=1)
HOUR = timedelta(hours=1)
START = datetime(2026, 1, 5, 3, 15, tzinfo=UTC)  # a Monday
stores = pytest.mark.parametrize("store", ["sqlite", "jsonl"])


def midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


# Days without clicks, as a rule


TODAY = date(2026, 3, 2)


def before_today(*counts: int) -> dict[date, int]:
    """Clicks of the days before today, yesterday's first; days without any aren't there."""
    return {TODAY - n * DAY: count for n, count in enumerate(counts, 1) if count}


@pytest.mark.parametrize(
    ("counts", "usual"),
    [
        ([50] * 28, 50),
        ([MANY] * 28, MANY),
        ([MANY - 1] * 28, MANY - 1),
        ([50] * 13, 0),  # not known for long enough
        ([5000] + [1] * 27, 1),  # a single busy day
        ([0] * 4 + [500] * 24, 0),  # a campaign that has ended
        ([0] * 3 + [500] * 25, 500),
        (([0] * 2 + [30] * 5) * 4, 30),  # today is after two days of rest
        (([30] * 5 + [0] * 2) * 4, 0),  # it is the first of two
        (([30] * 6 + [0]) * 4, 0),  # a day of rest each week, as today
        (([30] * 6 + [0]) * 2 + [30] * 14, 0),
        ([30] * 6 + [0] + [30] * 21, 30),  # one was empty before
    ],
)
def test_how_many_clicks_are_usual(counts, usual):
    """The least of three medians: of four weeks, of one, and of the same weekday."""
    assert usual_clicks(before_today(*counts), TODAY) == usual
    assert odd_days(before_today(*counts), [TODAY]) == ([TODAY] if usual >= MANY else [])


def test_a_day_with_a_click_is_not_odd():
    """However few there are where many are usual: that is for people to judge."""
    assert odd_days({**before_today(*[5000] * 28), TODAY: 1}, [TODAY]) == []


@unhurried
@given(st.lists(st.integers(0, 100), min_size=28, max_size=28))
def test_what_is_usual_was_so_on_many_days(counts):
    """On half of the 28 days at least, on four of the last seven, on three of the four alike."""
    usual = usual_clicks(before_today(*counts), TODAY)
    assert sum(count >= usual for count in counts) >= 15
    assert sum(count >= usual for count in counts[:7]) >= 4
    assert sum(count >= usual for count in counts[6::7]) >= 3


def test_the_calendars_beginning():
    """There is nothing before it, and no error."""
    assert odd_days({date(1, 1, 5): 50}, [date(1, 1, 3), date(1, 1, 28), date(1, 1, 29)]) == []


hours = st.integers(0, 24 * 12).map(lambda hour: midnight(date(2026, 3, 1)) + hour * HOUR)
coverages = st.lists(
    st.tuples(hours, hours).filter(lambda ends: ends[0] < ends[1]).map(lambda ends: Window(*ends)),
    max_size=5,
).map(merge)


@unhurried
@given(coverages, coverages)
def test_days_that_have_come_to_be_whole(before, come):
    """Those days, all of whose seconds are covered and weren't before."""
    coverage = merge([*before, *come])
    days = [date(2026, 3, 1) + n * DAY for n in range(14)]

    def is_whole(windows: list[Window], day: date) -> bool:
        whole = Window(midnight(day), midnight(day) + DAY)
        return total_seconds([*windows, whole]) == total_seconds(windows)

    expected = [day for day in days if is_whole(coverage, day) and not is_whole(before, day)]
    assert whole_days(coverage, before) == expected


# Days without clicks, run by run


def poisson(source: random.Random, mean: float) -> int:
    """Knuth's way."""
    count, product = 0, source.random()
    while product > exp(-mean):
        count, product = count + 1, product * source.random()
    return count


class Model:
    """Sixty days of an account, archived by a run at 03:15 each."""

    def __init__(self, folder, stack: ExitStack, mean: Callable[[date], float]) -> None:
        self.history = History()
        source = random.Random(f"{folder.name}")
        for n in range(-1, 60):
            day = (START + n * DAY).date()
            times = sorted(
                midnight(day) + timedelta(seconds=source.randrange(86_400))
                for _ in range(poisson(source, mean(day)))
            )
            self.history.record(*(f"{at:%Y-%m-%d %H:%M:%S}" for at in times))
        address = stack.enter_context(self.history.serving())
        self.archive = TestArchive(folder, address, format="json", since="2026-01-04")

    def warnings(self, first: int, last: int) -> dict[int, list[str]]:
        """What the runs of these days warned of, by the number of the day."""
        told = {}
        for n in range(first, last):
            self.history.served_at = START + n * DAY
            [report] = self.archive.run(START + n * DAY).accounts
            assert report.error is None
            if report.warnings:
                told[n] = report.warnings
        return told

    def lose(self, first: date, end: date) -> None:
        """Let the service lose what it has of these days."""
        self.history.records = [
            record
            for record in self.history.records
            if not first.isoformat() <= record["clicked_at"] < end.isoformat()
        ]


@pytest.fixture
def models(tmp_path) -> Iterator[Callable[[str, Callable[[date], float]], Model]]:
    with ExitStack() as stack:
        yield lambda name, mean: Model(tmp_path / name, stack, mean)


def test_sixty_days_of_a_small_account(models):
    """With two clicks a day some days are empty by chance, and nothing is ever said."""
    model = models("small", lambda _: 2)
    assert model.warnings(0, 60) == {}
    assert len(model.archive.query("SELECT day FROM days")) < 58


def test_sixty_days_of_an_account_that_rests_at_weekends(models):
    """Weekends are never said; a Wednesday without clicks is, once."""
    odd = date(2026, 2, 25)
    model = models("weekdays", lambda day: 0 if day.weekday() > 4 or day == odd else 30)
    told = model.warnings(0, 60)
    assert list(told) == [(odd + DAY - START.date()).days]
    assert told.popitem()[1][0].startswith(f"no clicks at all on {odd} (UTC), where ")


def test_sixty_days_of_a_big_account(models):
    """Two empty days are said, each once and as soon as it is over; and so is, once, what the
    service lost of a day that is looked back at.
    """
    first, second = START.date() + 40 * DAY, START.date() + 41 * DAY
    model = models("big", lambda day: 0 if day in {first, second} else 60)
    told = model.warnings(0, 50)
    assert list(told) == [41, 42]
    for day, warnings in zip((first, second), told.values(), strict=True):
        [warning] = warnings
        assert warning.startswith(f"no clicks at all on {day} (UTC), where ")
        assert warning.endswith(
            " a day or more are usual. Does the service still count? Or did it lose data? What "
            "is archived stays: nothing is deleted here, and clicks that come late are looked for"
        )
    stored = model.archive.clicks()
    model.lose(date(2026, 1, 1), (START + 50 * DAY).date())
    [(day, [missing])] = model.warnings(50, 60).items()
    assert day == 50
    assert (
        "archived clicks aren't given by the service any more, the first on 2026-02-2" in missing
    )
    assert model.archive.clicks() > stored


def test_a_catch_up_tells_of_empty_days_on_one_line(models):
    """However many days were empty, in whatever order they were archived."""
    empty = {START.date() + n * DAY for n in (35, 36, 50, 51)}
    model = models("late", lambda day: 0 if day in empty else 40)
    [(_, [warning])] = model.warnings(59, 60).items()
    first, second, third, _ = sorted(empty)
    assert warning.startswith(f"no clicks at all on {first}, {second}, {third} … (UTC)")


def test_clicks_that_come_late_are_no_second_warning(models):
    """A day that was empty and is looked back at was told of already, whatever comes of it."""
    empty = START.date() + 40 * DAY
    model = models("again", lambda day: 0 if day == empty else 40)
    assert list(model.warnings(0, 42)) == [41]
    model.history.record(f"{empty} 23:00:00")
    model.history.served_at = START + 41 * DAY + HOUR
    [report] = model.archive.run(START + 41 * DAY + HOUR).accounts
    assert report.warnings == []
    assert model.archive.query(f"SELECT clicks FROM days WHERE day = '{empty}'") == [(1,)]


# Clicks that vanish


@pytest.fixture
def history() -> History:
    return History("2026-01-04 23:00:00", "2026-01-05 01:00:00", "2026-01-05 01:00:00")


@pytest.fixture
def archive(tmp_path, history) -> Iterator[Callable[..., TestArchive]]:
    with history.serving() as address:
        yield lambda **settings: TestArchive(tmp_path, address, format="json", **settings)


def run(archive: TestArchive, history: History, now: datetime) -> list[str]:
    """A run's warnings; all is archived."""
    history.served_at = now
    [report] = archive.run(now).accounts
    assert report.error is None
    return report.warnings


@stores
@pytest.mark.parametrize("ids", [True, False])
def test_vanished_clicks_are_told_of_once(archive, history, store, ids):
    """Run after run looks at them again; only what is newly missing is said, and all stays."""
    if not ids:
        history.cease_to_give_ids()
    kept = archive(store=store)
    assert run(kept, history, START) == []
    first, *others = history.records
    history.records = others[:1]
    [warning] = run(kept, history, START + HOUR)
    assert warning == (
        "2 archived clicks aren't given by the service any more, the first on "
        "2026-01-04 (UTC): it lost data, or somebody deleted them there. What is archived stays: "
        "nothing is deleted here (table vanished_clicks has their keys)"
    )
    assert run(kept, history, START + 2 * HOUR) == []
    history.records = []
    [warning] = run(kept, history, START + 3 * HOUR)
    assert warning.startswith("1 archived click isn't given by the service any more")
    assert run(kept, history, START + 4 * HOUR) == []
    assert len(kept.stored()) == 3
    rows = kept.query("SELECT day, seen_at FROM vanished_clicks ORDER BY day, seen_at")
    assert rows == [
        ("2026-01-04", "2026-01-05T04:15:00Z"),
        ("2026-01-05", "2026-01-05T04:15:00Z"),
        ("2026-01-05", "2026-01-05T06:15:00Z"),
    ]
    history.records = [first, *others]
    assert run(kept, history, START + 5 * HOUR) == []
    assert kept.query("SELECT * FROM vanished_clicks") == []
    history.records = others
    [warning] = run(kept, history, START + 6 * HOUR)
    assert warning.startswith("1 archived click isn't")
    assert len(kept.stored()) == 3


def test_a_day_that_is_looked_at_in_parts(archive, history):
    """What was missed in one part of it isn't found by looking at another, and stays told of."""
    kept = archive(lookback="1h")
    run(kept, history, START)
    gone, _, there = history.records
    history.records = [gone, there]
    again = ("2026-01-05T00:30Z", "2026-01-05T02:00Z")
    history.served_at = START
    assert len(kept.backfill(*again, START, again=True).accounts[0].warnings) == 1
    history.record("2026-01-05 03:10:00")
    assert run(kept, history, START + HOUR) == run(kept, history, START + 2 * HOUR) == []
    history.served_at = START + 2 * HOUR
    assert kept.backfill(*again, START + 2 * HOUR, again=True).accounts[0].warnings == []


def test_nothing_is_told_of_what_is_not_asked_for(archive, history):
    """What vanished before the lookback, and what can't be fetched, isn't known to be missing."""
    kept = archive(lookback="1h")
    run(kept, history, START)
    history.records.clear()
    assert run(kept, history, START + HOUR) == []
    history.broken.update({"2026-01-04", "2026-01-05"})
    history.served_at = START + 2 * HOUR
    [report] = kept.run(START + 2 * HOUR).accounts
    assert report.outcome == "failed"
    assert report.warnings == []


def test_backfill_again_tells_what_has_vanished(archive, history):
    """However long ago it was archived."""
    kept = archive()
    run(kept, history, START)
    assert run(kept, history, START + 30 * DAY) == []
    history.records = history.records[1:]
    history.served_at = START + 31 * DAY
    [report] = kept.backfill("2026-01-04", "2026-01-06", START + 31 * DAY, again=True).accounts
    [warning] = report.warnings
    assert warning.startswith("1 archived click isn't given")


# Runs that are ended


@pytest.fixture
def ended(monkeypatch) -> Iterator[pytest.MonkeyPatch]:
    """Runs are ended when all is archived and nothing told."""

    def end(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("jobs.archiving.tell_anomalies", end)
        yield patch


def run_that_is_ended(archive: TestArchive, history: History, now: datetime) -> None:
    history.served_at = now
    with pytest.raises(KeyboardInterrupt):
        archive.run(now)


def test_the_next_run_tells_what_an_ended_one_found_to_have_vanished(archive, history, ended):
    """Together with what it finds itself; and the run after that says nothing of it."""
    kept = archive()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("jobs.archiving.tell_anomalies", tell_anomalies)
        assert run(kept, history, START) == []
    history.records = history.records[1:]
    run_that_is_ended(kept, history, START + HOUR)
    history.records = history.records[1:]
    run_that_is_ended(kept, history, START + 2 * HOUR)
    ended.undo()
    [warning] = run(kept, history, START + 3 * HOUR)
    assert warning.startswith("2 archived clicks aren't given by the service any more")
    assert run(kept, history, START + 4 * HOUR) == []


def test_the_next_run_tells_of_a_day_that_an_ended_one_found_empty(models, ended):
    """And of its own; each is told of once."""
    empty = {START.date() + 40 * DAY, START.date() + 41 * DAY}
    model = models("ended", lambda day: 0 if day in empty else 40)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("jobs.archiving.tell_anomalies", tell_anomalies)
        assert model.warnings(0, 41) == {}
    run_that_is_ended(model.archive, model.history, START + 41 * DAY)
    ended.undo()
    [(_, [warning])] = model.warnings(42, 45).items()
    first, second = sorted(empty)
    assert warning.startswith(f"no clicks at all on {first}, {second} (UTC)")


# Totals that go down


def test_what_fell_in_two_turns_fell_from_where_it_began(told, tmp_path):
    """The first turn was ended before it could tell."""
    with open_archive(tmp_path / "archive", "sqlite") as archive:
        archive.untold.note_fall("acme", "17", 30, 20)
    [warning] = told({"17": 20}, [Link("17", link="l", clicks=10)])
    assert "went down for l, from 30 to 10" in warning


def test_what_rose_between_two_falls_fell_from_the_most_that_it_was(told, tmp_path):
    """Never from less than it is now."""
    with open_archive(tmp_path / "archive", "sqlite") as archive:
        archive.untold.note_fall("acme", "17", 100, 50)
    [warning] = told({"17": 120}, [Link("17", link="l", clicks=110)])
    assert "went down for l, from 120 to 110" in warning


@pytest.fixture
def told(tmp_path) -> Iterator[Callable[..., list[str]]]:
    """What is told of links, given their clicks before by their keys."""
    with open_archive(tmp_path / "archive", "sqlite") as archive:
        archive.settings.hold_account("acme", IdentitySettings("linktrack", "UTC", {}, "keep"))
        turn = SimpleNamespace(account=SimpleNamespace(name="acme"), archive=archive)

        def tell(
            before: dict[str, int], links: list[Link], gone: tuple[str, ...] = ()
        ) -> list[str]:
            archive.links.observe("acme", links, START)
            note_falls(turn, before, links)
            note_gone(turn, before, gone)
            report = AccountReport("acme")
            tell_anomalies(archive, report, START)
            return report.warnings

        yield tell


def test_totals_that_stay_or_grow_or_are_new_are_nothing_to_say(told):
    """Nor is a link whose total the service doesn't tell."""
    links = [Link("1", clicks=5), Link("2", clicks=7), Link("3", clicks=0), Link("4", clicks=None)]
    assert told({"1": 5, "2": 6, "4": 9}, links) == []


def test_a_total_that_goes_down_is_named(told):
    """With what it was and is; the account's own by its name."""
    [warning] = told({"17": 1234}, [Link("17", link="http://l/\n.x", clicks=1200)])
    assert warning == (
        "the service's total went down for http://l/ .x, from 1,234 to 1,200: it lost data, or "
        "somebody reset it there. What is archived stays: nothing is deleted here"
    )
    [warning] = told({"": 9, "b": 2}, [Link("", clicks=8), Link("b", link="b", clicks=1)])
    assert "went down for the account as a whole (and 1 more), from 9 to 8" in warning


def test_links_that_are_not_listed_any_more(told):
    """They are told of with their clicks, if they had any."""
    [warning] = told({"1": 5, "2": 1000, "3": 0}, [], gone=("1", "2", "3", "4"))
    assert warning == (
        "the service doesn't list 2 of its links any more, with 1,005 clicks: they were deleted "
        "there, or it lost data. What is archived stays: nothing is deleted here"
    )
    assert told({"3": 0}, [], gone=("3",)) == []
    assert told({}, []) == []
