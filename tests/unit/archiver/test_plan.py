"""What a run fetches: everything that is wanted and not covered, and the lookback."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from archiver import plan as planning
from archiver.model import Window
from archiver.plan import beyond, plan_end
from archiver.timestamps import LocalTimes, format_utc, parse_utc
from archiver.windows import clip, cut_at_midnights, intersect, merge, subtract

DAY = timedelta(days=1)
HOUR = timedelta(hours=1)
NONE = timedelta()
ORIGIN = datetime(2026, 11, 1, tzinfo=UTC)

instants = st.builds(lambda minutes: ORIGIN + timedelta(minutes=minutes), st.integers(0, 10_000))
windows = st.builds(
    lambda start, minutes: Window(start, start + timedelta(minutes=minutes)),
    instants,
    st.integers(1, 4_000),
)
coverages = st.lists(windows, max_size=5)
lookbacks = st.builds(lambda minutes: timedelta(minutes=minutes), st.integers(0, 5_000))


def plan_run(*args, **kwargs) -> list[Window]:
    """All windows of a run's plan."""
    return planning.plan_run(*args, **kwargs).windows


def plan_backfill(*args, **kwargs) -> list[Window]:
    """All windows of a backfill's plan."""
    return planning.plan_backfill(*args, **kwargs).windows


def day(number: int, until: int | None = None) -> Window:
    """The UTC days of November 2026 from `number` to `until`, which is out."""
    start = ORIGIN + DAY * (number - 1)
    return Window(start, start + DAY if until is None else ORIGIN + DAY * (until - 1))


def end_of(now: str, settle: timedelta = NONE, zone: str = "America/New_York") -> str:
    return format_utc(plan_end(parse_utc(now), settle, LocalTimes(zone)))


def test_the_plan_ends_before_now_by_the_settle_time():
    """On an ordinary day the end is now less settle, without the fraction of a second."""
    now = datetime(2026, 11, 19, 8, 15, 30, 999_999, tzinfo=UTC)
    end = plan_end(now, timedelta(minutes=10), LocalTimes("America/New_York"))
    assert end == datetime(2026, 11, 19, 8, 5, 30, tzinfo=UTC)


def test_the_plan_ends_where_a_repeated_hour_begins():
    """In either pass of New York's repeated hour the plan ends at 05:00Z, and only in these."""
    assert end_of("2026-11-01T04:59:59Z") == "2026-11-01T04:59:59Z"
    assert end_of("2026-11-01T05:00:00Z") == "2026-11-01T05:00:00Z"
    assert end_of("2026-11-01T05:59:59Z") == "2026-11-01T05:00:00Z"
    assert end_of("2026-11-01T06:59:59Z") == "2026-11-01T05:00:00Z"
    assert end_of("2026-11-01T07:00:00Z") == "2026-11-01T07:00:00Z"


def test_settle_is_taken_off_before_the_hour_is_looked_at():
    """It is now less settle that may lie in a repeated hour, not now."""
    assert end_of("2026-11-01T07:10:00Z", HOUR) == "2026-11-01T05:00:00Z"
    assert end_of("2026-11-01T05:10:00Z", HOUR) == "2026-11-01T04:10:00Z"


def test_a_clock_that_does_not_change_never_waits():
    """In UTC no hour is repeated."""
    assert end_of("2026-11-01T05:59:59Z", zone="UTC") == "2026-11-01T05:59:59Z"


def test_an_absurd_settle_time_is_no_overflow():
    """A settle time longer than the calendar leaves nothing to fetch and raises nothing."""
    assert end_of("2026-11-01T05:59:59Z", timedelta(days=999_999)) == "0001-01-03T00:00:00Z"


def test_the_first_run_takes_all_that_is_wanted():
    """Without coverage the plan is the wanted time, a day at a time."""
    assert plan_run(day(1, 4), [], DAY) == [day(1), day(2), day(3)]


def test_a_missed_week_is_caught_up():
    """What is missing since coverage's end is planned, and the last covered day again."""
    assert plan_run(day(1, 9), [day(1, 3)], DAY) == [day(n) for n in range(2, 9)]


def test_a_gap_is_filled():
    """A hole in the middle of coverage is planned, however old it is."""
    assert plan_run(day(1, 20), [day(1, 5), day(6, 20)], NONE) == [day(5)]


def test_covered_time_is_looked_at_again_from_the_stated_instant_on():
    """Nothing before `lookback_from` is fetched again."""
    from_noon = day(4).start + DAY / 2
    assert plan_run(day(1, 5), [day(1, 5)], 2 * DAY) == [day(3), day(4)]
    assert plan_run(day(1, 5), [day(1, 5)], 2 * DAY, lookback_from=from_noon) == [
        Window(from_noon, day(4).end)
    ]
    assert plan_run(day(1, 5), [day(1, 5)], 2 * DAY, lookback_from=day(5).start) == []


def test_coverage_from_a_wrong_clock_does_not_hide_the_lookback():
    """Where coverage goes past the plan's end, the lookback counts from the plan's end."""
    assert plan_run(day(1, 5), [day(1, 30)], DAY) == [day(4)]


def test_nothing_wanted_is_nothing_planned():
    """An account whose `since` is still to come fetches nothing, covered or not."""
    assert plan_run(None, [day(1)], DAY) == []
    assert plan_backfill(None, [day(1)], again=True) == []


def test_an_absurd_lookback_is_no_overflow():
    """A lookback longer than the calendar is all of what is covered."""
    assert plan_run(day(1, 3), [day(1, 3)], timedelta(days=999_999_999)) == [day(1), day(2)]


@given(windows, coverages, lookbacks, st.none() | instants)
def test_a_run_plans_what_is_missing_and_what_is_looked_at_again(
    wanted, coverage, lookback, lookback_from
):
    """Nothing missing is left out, nothing else is fetched than the end of the covered time."""
    plan = plan_run(wanted, coverage, lookback, lookback_from=lookback_from)
    missing = subtract([wanted], coverage)
    assert subtract(missing, plan) == []
    before_end = [w for w in (clip(w.start, min(w.end, wanted.end)) for w in coverage) if w]
    end = max((w.end for w in before_end), default=wanted.end)
    recent = clip(max(end - lookback, lookback_from or ORIGIN), end)
    again = intersect(before_end, [recent] if recent else [])
    assert merge(plan) == merge(missing + again)


@given(windows, coverages, lookbacks)
def test_a_plan_is_in_order_and_never_crosses_a_midnight_nor_the_end(wanted, coverage, lookback):
    """The windows are disjoint, ordered by time, within a day each and before the plan's end."""
    plan = plan_run(wanted, coverage, lookback)
    assert all(cut_at_midnights([window]) == [window] for window in plan)
    assert all(left.end <= right.start for left, right in pairwise(plan))
    assert all(window.end <= wanted.end for window in plan)


@given(windows, coverages, lookbacks)
def test_a_run_after_a_run_has_nothing_missing(wanted, coverage, lookback):
    """Once a plan has been committed, the next one is the lookback alone."""
    covered = merge(coverage + plan_run(wanted, coverage, lookback))
    assert plan_run(wanted, covered, NONE) == []
    assert subtract(plan_run(wanted, covered, lookback), covered) == []


@given(windows, coverages)
def test_a_backfill_resumes_or_takes_all_again(asked, coverage):
    """A backfill plans what isn't covered of the stated period; with `again`, all of it."""
    assert merge(plan_backfill(asked, coverage, again=False)) == subtract([asked], coverage)
    assert merge(plan_backfill(asked, coverage, again=True)) == [asked]


@given(coverages, instants)
def test_beyond_is_the_coverage_after_an_instant(coverage, end):
    """What is covered and not beyond ends by then; together they are the coverage."""
    late = beyond(coverage, end)
    assert all(window.start >= end for window in late)
    assert all(window.end <= end for window in subtract(coverage, late))
    assert merge(subtract(coverage, late) + late) == merge(coverage)


def test_a_lookback_that_was_missed_is_made_up_for():
    """Where coverage went on without a lookback, the next one begins before it did."""
    covered = [day(1, 10)]
    late = plan_run(day(1, 10), covered, DAY, looked_back_to=day(5).start)
    assert late == [day(n) for n in range(4, 10)]
    assert plan_run(day(1, 10), covered, DAY, looked_back_to=day(20).start) == [day(9)]
    assert plan_run(day(1, 10), covered, NONE, looked_back_to=day(5).start) == []


def test_what_is_fetched_again_is_told_from_what_is_missing():
    """Windows apart: one that is covered stays so, whatever becomes of it."""
    plan = planning.plan_run(day(1, 9), [day(1, 3)], DAY)
    assert (plan.missing, plan.again) == ([day(n) for n in range(3, 9)], [day(2)])
    plan = planning.plan_backfill(day(2, 4), [day(1, 3)], again=True)
    assert (plan.missing, plan.again) == ([day(3)], [day(2)])


def test_a_backfill_again_leaves_what_cannot_be_compared():
    """What is covered before `lookback_from` isn't fetched again; what is missing there is."""
    plan = plan_backfill(day(1, 9), [day(1, 3), day(4, 9)], again=True, lookback_from=day(6).start)
    assert plan == [day(3), day(6), day(7), day(8)]
