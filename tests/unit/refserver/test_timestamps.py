"""The reference server's reading of times."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from refserver.timestamps import is_local_time, local_text, parse_typed, utc_text

NEW_YORK = ZoneInfo("America/New_York")


@given(st.datetimes())
def test_every_real_time_is_one(moment) -> None:
    """Any date of the calendar, written as the API writes it."""
    assert is_local_time(moment.isoformat(" ", "seconds"))


@given(st.text(st.sampled_from("0123456789-: ٣")))
def test_what_reads_as_a_local_time_is_written_the_same(text) -> None:
    """There is one way to write a time."""
    if is_local_time(text):
        assert datetime.fromisoformat(text).isoformat(" ") == text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-03-01", "2026-03-01T05:00:00Z"),
        ("2026-03-01 10:30", "2026-03-01T15:30:00Z"),
        ("2026-03-01T10:30:15", "2026-03-01T15:30:15Z"),
        ("2026-03-01T10:30:15Z", "2026-03-01T10:30:15Z"),
        ("2026-03-01T10:30+02:00", "2026-03-01T08:30:00Z"),
        ("2026-11-01T01:30", "2026-11-01T05:30:00Z"),
        ("2026-11-01T01:30-05:00", "2026-11-01T06:30:00Z"),
    ],
)
def test_a_typed_time_is_an_instant(text, expected) -> None:
    """With an offset it is exact; without, the zone's, the first of two; a date is midnight."""
    assert utc_text(parse_typed(text, NEW_YORK)) == expected


@pytest.mark.parametrize(
    "text",
    [
        *("", "10", "2026", "20260301", "2026-W10-1", "2026-02-30", "2026-03-01Z", "tomorrow"),
        *("2026-03-01T10", "2026-03-01T10:30:15.5", "9999-12-31T23:59", "2026-03-01\n"),
    ],
)
def test_anything_else_is_refused(text) -> None:
    """What could be meant in two ways is no time."""
    with pytest.raises(ValueError, match=r"ISO 8601|beyond|day|month"):
        parse_typed(text, NEW_YORK)


def test_times_are_cut_to_whole_seconds() -> None:
    """Nothing is rounded up into the next second, or day."""
    instant = datetime(2026, 12, 31, 23, 59, 59, 999_999, UTC)
    assert utc_text(instant) == "2026-12-31T23:59:59Z"
    assert local_text(instant, NEW_YORK) == "2026-12-31 18:59:59"
