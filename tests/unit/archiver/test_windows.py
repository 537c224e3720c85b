"""Interval arithmetic, held against sets of whole seconds."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archiver.model import Window
from archiver.windows import (
    clip,
    cut_at_midnights,
    day_window,
    intersect,
    merge,
    split,
    subtract,
)
from archiver.windows import total_seconds as length

# A minute before midnight, so that the small windows cross it.
ORIGIN = datetime(2026, 11, 18, 23, 59, tzinfo=UTC)


def at(second: int) -> datetime:
    return ORIGIN + timedelta(seconds=second)


def window(start: int, end: int) -> Window:
    return Window(at(start), at(end))


def seconds(windows: list[Window]) -> set[int]:
    origin = int(ORIGIN.timestamp())
    return {
        second - origin
        for each in windows
        for second in range(int(each.start.timestamp()), int(each.end.timestamp()))
    }


def is_normal(windows: list[Window]) -> bool:
    return all(left.end < right.start for left, right in pairwise(windows))


small = st.builds(
    lambda start, size: window(start, start + size), st.integers(0, 120), st.integers(1, 40)
)
some = st.lists(small, max_size=8)
long = st.builds(
    lambda start, size: window(start, start + size),
    st.integers(-200_000, 200_000),
    st.integers(1, 500_000),
)


@given(some)
def test_merge_is_the_union(windows):
    """The merged windows hold the same seconds, sorted, disjoint and not touching."""
    merged = merge(iter(windows))
    assert seconds(merged) == seconds(windows)
    assert is_normal(merged)


@given(some, some)
def test_subtract_is_the_difference(windows, removed):
    """What remains is what is in the first and not in the second, in normal form."""
    rest = subtract(iter(windows), iter(removed))
    assert seconds(rest) == seconds(windows) - seconds(removed)
    assert is_normal(rest)


@given(some, some)
def test_intersect_is_the_intersection(windows, others):
    """What is common is what is in both, in normal form."""
    common = intersect(iter(windows), iter(others))
    assert seconds(common) == seconds(windows) & seconds(others)
    assert is_normal(common)


@given(some)
def test_total_seconds_counts_each_second_once(windows):
    """Overlapping windows aren't counted twice."""
    assert length(iter(windows)) == len(seconds(windows))


@given(st.lists(long, max_size=4))
def test_no_piece_crosses_a_midnight(windows):
    """Each piece lies within one UTC day, and together they are the same time."""
    pieces = cut_at_midnights(iter(windows))
    assert merge(pieces) == merge(windows)
    assert all(left.end <= right.start for left, right in pairwise(pieces))
    for piece in pieces:
        assert piece.start.date() == (piece.end - timedelta(seconds=1)).date()


@given(st.lists(long, max_size=4))
def test_cuts_are_at_midnights_only(windows):
    """Pieces touch at 00:00:00 and nowhere else."""
    for left, right in pairwise(cut_at_midnights(windows)):
        assert left.end < right.start or left.end.isoformat().endswith("T00:00:00+00:00")


def test_a_window_that_ends_at_midnight_is_one_piece():
    """A whole day is left whole."""
    day = Window(datetime(2026, 11, 19, tzinfo=UTC), datetime(2026, 11, 20, tzinfo=UTC))
    assert cut_at_midnights([day]) == [day]


def test_the_calendars_ends_are_windows_too():
    """Nothing overflows at the first and the last second that there are."""
    first = Window(datetime(1, 1, 1, tzinfo=UTC), datetime(1, 1, 1, 0, 0, 1, tzinfo=UTC))
    last_second = datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)
    last = Window(last_second - timedelta(seconds=1), last_second)
    assert subtract([first, last], [last]) == [first]
    assert cut_at_midnights([last, first]) == [first, last]


@given(long, st.integers(1, 50))
def test_split_gives_about_equal_parts(whole, parts):
    """The parts touch, are the window together, and differ by a second at most."""
    pieces = split(whole, parts)
    sizes = [length([piece]) for piece in pieces]
    assert len(pieces) == min(parts, length([whole]))
    assert (pieces[0].start, pieces[-1].end) == (whole.start, whole.end)
    assert all(left.end == right.start for left, right in pairwise(pieces))
    assert max(sizes) - min(sizes) <= 1
    assert all(piece.start.microsecond == 0 for piece in pieces)


def test_one_second_cannot_be_split():
    """A window of one second gives itself alone, and no parts at all means one."""
    assert split(window(0, 1), 2) == [window(0, 1)]
    assert split(window(0, 9), 0) == [window(0, 9)]


def test_clip_gives_none_for_nothing():
    """An empty or a turned interval is no window."""
    assert clip(at(1), at(2)) == window(1, 2)
    assert clip(at(1), at(1)) is None
    assert clip(at(2), at(1)) is None


def test_a_day_is_a_window():
    """From its midnight in UTC to the next; what is no date is refused."""
    day = day_window("2026-12-31")
    assert str(day) == "[2026-12-31T00:00:00Z, 2027-01-01T00:00:00Z)"
    for text in ("2026-02-30", "today", ""):
        with pytest.raises(ValueError, match=r"Invalid isoformat|day is out of range"):
            day_window(text)
