"""Cron lines as cron reads them, held against a search minute by minute; and clock changes."""

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.clicks import unhurried

from jobs.schedule import Schedule

DAY = timedelta(days=1)
BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
NAMES = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")


def instants(cron: str, begin: datetime, end: datetime, zone: str = "UTC") -> list[datetime]:
    """When it is due in a period, as a scheduler asks for it: one after the other."""
    schedule = Schedule(cron, ZoneInfo(zone))
    found: list[datetime] = []
    while True:
        due = schedule.get_next_fire_time(found[-1] if found else None, begin)
        if due is None or due >= end:
            return found
        found.append(due)


def values(field: str, low: int, high: int) -> set[int]:
    """What a field stands for, read in the plainest way."""
    chosen: set[int] = set()
    for item in field.split(","):
        days, _, step = item.partition("/")
        first, _, last = days.partition("-")
        if days == "*":
            first, last = str(low), str(high)
        begin = NAMES.index(first) if first in NAMES else int(first)
        end = begin if not last and not step else high
        if last:
            end = NAMES.index(last) if last in NAMES else int(last)
        while end < begin:
            end += 7
        chosen.update(range(begin, end + 1, int(step or 1)))
    return chosen


def fitting(cron: str, begin: datetime, end: datetime) -> list[datetime]:
    """Every minute of a period that the line names, found by looking at each day and minute."""
    minute, hour, day, month, weekday = cron.split()
    found = []
    for number in range((end - begin).days):
        midnight = begin + number * DAY
        on_day = midnight.day in values(day, 1, 31)
        on_weekday = midnight.isoweekday() % 7 in {each % 7 for each in values(weekday, 0, 6)}
        both = day.startswith("*") or weekday.startswith("*")
        fits = on_day and on_weekday if both else on_day or on_weekday
        if fits and midnight.month in values(month, 1, 12):
            found += [
                midnight + timedelta(hours=each_hour, minutes=each_minute)
                for each_hour in sorted(values(hour, 0, 23))
                for each_minute in sorted(values(minute, 0, 59))
            ]
    return found


minutes = st.sampled_from(["0", "15", "*/20", "5,50", "10-12"])
hours = st.sampled_from(["0", "3", "*/7", "22-23", "1,13"])
days = st.sampled_from(["*", "1", "*/10", "13", "29-31", "5,6"])
months = st.sampled_from(["*", "1", "1-2", "*/2"])
weekdays = st.sampled_from(
    ["*", "0", "7", "1-5", "5-7", "sun", "mon-fri", "fri-mon", "*/2", "1-5/2", "0,6", "sat,sun"]
)


@unhurried
@given(st.tuples(minutes, hours, days, months, weekdays).map(" ".join))
def test_a_line_means_what_it_means_to_cron(cron):
    """Sunday is 0 and 7, and a day counts if either the day or the weekday is the one named."""
    end = BEGIN + 45 * DAY
    assert instants(cron, BEGIN, end) == fitting(cron, BEGIN, end)


@unhurried
@given(
    st.sampled_from(["America/New_York", "Australia/Lord_Howe", "America/Havana", "Africa/Cairo"]),
    st.integers(0, 23),
    st.integers(0, 59),
)
def test_once_a_day_is_once_a_day_whatever_the_clock_does(zone, hour, minute):
    """An hour that comes twice has one run; a day on which the hour doesn't come has it too."""
    begin, end = BEGIN, BEGIN + 400 * DAY
    local = [
        each.astimezone(ZoneInfo(zone))
        for each in instants(f"{minute} {hour} * * *", begin, end, zone)
    ]
    days_between = [b.date() - a.date() for a, b in pairwise(local)]
    assert set(days_between) == {DAY}
    shifted = [each for each in local if (each.hour, each.minute) != (hour, minute)]
    assert len(shifted) <= 2  # what a spring change skips is an hour, or half of one, later


def test_what_is_skipped_is_due_when_the_clock_has_been_changed():
    """02:30 doesn't come on the day of the spring change: its run is at 03:30."""
    found = instants(
        "30 2 * * *",
        datetime(2026, 3, 7, tzinfo=UTC),
        datetime(2026, 3, 10, tzinfo=UTC),
        "America/New_York",
    )
    assert [each.isoformat() for each in found] == [
        "2026-03-07T07:30:00+00:00",
        "2026-03-08T07:30:00+00:00",
        "2026-03-09T06:30:00+00:00",
    ]


def test_a_skipped_time_hides_none_that_comes_before_it():
    """02:59 is at 03:59 on that day; 03:05 comes first."""
    found = instants(
        "59,5 2,3 * * *",
        datetime(2026, 3, 8, 6, tzinfo=UTC),
        datetime(2026, 3, 8, 9, tzinfo=UTC),
        "America/New_York",
    )
    assert [each.strftime("%H:%M") for each in found] == ["07:05", "07:59"]


@pytest.mark.parametrize("cron", ["0 3 30 2 *", "0 3 31 4,6 *", "0 3 5-2 * *", "0/70 3 * * *"])
def test_a_line_that_is_never_due_is_refused(cron):
    """Else a daemon would wait for ever."""
    with pytest.raises(ValueError, match=r"."):
        Schedule(cron, ZoneInfo("UTC"))


def test_leap_days_are_found():
    """Whatever comes once in eight years is no line that never comes."""
    [found] = instants(
        "0 3 29 2 *", datetime(2096, 3, 1, tzinfo=UTC), datetime(2105, 1, 1, tzinfo=UTC)
    )
    assert found.date() == date(2104, 2, 29)
