"""The hours that a zone's clock shows twice."""

import random
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from refserver.rhythm import find_repeats, plan_stretches


def second(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp())


YEAR = (second("2026-01-01"), second("2027-01-01"))


@pytest.mark.parametrize(
    ("zone", "change", "shift"),
    [
        ("America/New_York", "2026-11-01 06:00", 3600),
        ("Europe/Zurich", "2026-10-25 01:00", 3600),
        ("Australia/Lord_Howe", "2026-04-04 15:00", 1800),
        ("America/St_Johns", "2026-11-01 04:30", 3600),
    ],
)
def test_the_repeated_time_is_found(zone, change, shift) -> None:
    """It is as long as the clock goes back, and ends with the change."""
    (repeat,) = find_repeats(*YEAR, ZoneInfo(zone))
    assert repeat.shift == shift
    assert repeat.passed == range(second(change) - shift, second(change))


def test_a_zone_without_clock_changes_repeats_nothing() -> None:
    """UTC has no such hours."""
    assert find_repeats(*YEAR, ZoneInfo("UTC")) == []


def test_both_passes_are_within_the_period() -> None:
    """A period that begins or ends in the repeated hour has only a part of it, or none."""
    zone, change = ZoneInfo("America/New_York"), second("2026-11-01 06:00")
    (late,) = find_repeats(change - 1000, change + 3600, zone)
    assert late.passed == range(change - 1000, change)
    (early,) = find_repeats(change - 3600, change + 1000, zone)
    assert early.passed == range(change - 3600, change - 2600)
    assert find_repeats(change - 3600, change, zone) == []
    assert find_repeats(change, change + 3600, zone) == []


def test_stretches_are_the_whole_period() -> None:
    """One follows the other, the last one is cut, and by its end all clicks are made."""
    cuts = plan_stretches(100, 10_000, ZoneInfo("UTC"), 77, random.Random(1))
    assert [(cut.start, cut.seconds) for cut in cuts] == [(100, 3600), (3700, 3600), (7300, 2700)]
    assert cuts[-1].clicks_by_end == 77
    assert sorted(cuts) == sorted(cuts, key=lambda cut: cut.clicks_by_end)
