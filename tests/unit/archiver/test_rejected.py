"""When two records that can't be understood are one."""

from datetime import UTC, datetime, timedelta

from archiver.model import Rejected, Window
from archiver.rejected import keys_of_rejected

NOON = datetime(2026, 11, 19, 12, tzinfo=UTC)
NOON_TO_ONE = Window(NOON, NOON + timedelta(hours=1))
LATER = Window(NOON + timedelta(hours=6), NOON + timedelta(hours=12))
NEXT_DAY = Window(NOON + timedelta(hours=12), NOON + timedelta(hours=13))


def record(
    event: str = "e",
    text: str = "t",
    click_id: str | None = None,
    clicked_at: str | None = None,
) -> Rejected:
    return Rejected("it has no time", text, event, click_id, clicked_at, 0)


def keys(window: Window, *records: Rejected) -> list[tuple[str, int]]:
    return [(key, number) for _, key, number in keys_of_rejected(records, window)]


def test_alike_records_of_a_slice_are_as_many():
    """They are numbered, in whatever order they came."""
    one, other = record(text="a"), record(text="b")
    assert keys(NOON_TO_ONE, one, other, one) == [("2026-11-19:e", n) for n in (1, 2, 3)]
    assert keys_of_rejected([one, other], LATER) == keys_of_rejected([other, one], LATER)


def test_unlike_records_are_numbered_each_by_itself():
    """A hash for each."""
    assert keys(LATER, record("e"), record("f")) == [("2026-11-19:e", 1), ("2026-11-19:f", 1)]


def test_a_record_without_time_and_id_is_one_within_its_slices_day():
    """Slices of a day that are cut differently give it the same key; another day's don't."""
    assert keys(NOON_TO_ONE, record()) == keys(LATER, record())
    assert keys(NOON_TO_ONE, record()) != keys(NEXT_DAY, record())


def test_a_record_with_a_time_is_one_within_its_own_day():
    """Whichever slice it came in."""
    timed = record(clicked_at="2026-11-19T23:59:59Z")
    assert keys(NEXT_DAY, timed) == keys(NOON_TO_ONE, timed) == [("2026-11-19:e", 1)]


def test_a_record_with_an_id_is_one_wherever_it_comes():
    """A service may give it with every slice."""
    named = record(click_id="5")
    assert keys(NOON_TO_ONE, named) == keys(NEXT_DAY, named) == [("id:e", 1)]
    assert keys(NOON_TO_ONE, named) != keys(NOON_TO_ONE, record())
