"""Two ways to read a window whole, against a service in memory that does as it likes."""

from collections import Counter
from collections.abc import Callable, Generator, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import cycle
from operator import itemgetter
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.clicks import click, unhurried

from archiver.errors import UnstableError, WindowError
from archiver.model import (
    CLICK_FIELDS,
    CLICK_ID,
    CLICKED_AT,
    Fetched,
    Page,
    Rejected,
    Row,
    Split,
    Window,
)
from archiver.sources.base import Paging, Share
from archiver.sources.bisecting import BisectPaging
from archiver.sources.consistency import ATTEMPTS
from archiver.sources.paging import OffsetPaging
from archiver.timestamps import format_utc, parse_utc
from archiver.windows import belonging

START = datetime(2026, 11, 19, 12, tzinfo=UTC)
SERVED = datetime(2026, 11, 20, tzinfo=UTC)
SECOND = timedelta(seconds=1)
IP = CLICK_FIELDS.index("ip")


def at(second: int) -> str:
    return format_utc(START + second * SECOND)


def span(start: int, end: int) -> Window:
    return Window(START + start * SECOND, START + end * SECOND)


HOUR = span(0, 3600)


def numbered(count: int, *, second: Callable[[int], int] = lambda number: number) -> list[Row]:
    """So many clicks with ids."""
    return [click(at(second(number)), id=f"{number:06}") for number in range(count)]


def alike(count: int, second: int = 7) -> list[Row]:
    """So many clicks of one second without ids, alike to the letter."""
    return [click(at(second), ip="192.0.2.1")] * count


@dataclass
class Service:
    """A service in memory; each switch is something that a real one does."""

    rows: list[Row]
    cap: int = 10
    states_total: bool = True
    states_limit: int | None = None
    states_offset: bool = False
    heeds_offset: bool = True
    heeds_start: bool = True
    end_is_in: bool = False
    newest_first: bool = False
    lie: int = 0  # added to each total
    order: Callable[[], float] | None = None  # of clicks within a second, for each page anew
    garbled: Callable[[Row], bool] = lambda _: False  # of which clicks it gives nonsense
    garbles_time: bool = True
    before_page: Callable[["Service"], None] = lambda _: None
    page_bytes: int = 0
    asked: list[tuple[Window, int]] = field(default_factory=list)

    def read_page(self, window: Window, *, offset: int = 0) -> Page:
        self.asked.append((window, offset))
        assert len(self.asked) < 5_000, "the paging doesn't end"
        self.before_page(self)
        return self._page(window.start, window.end, offset, end_is_in=self.end_is_in)

    def read_second(self, second: datetime) -> Page:
        return self._page(second, second, 0, end_is_in=self.end_is_in)

    def _page(self, start: datetime, end: datetime, offset: int, *, end_is_in: bool) -> Page:
        def matches(row: Row) -> bool:
            instant = parse_utc(row[CLICKED_AT])
            after = instant >= start or not self.heeds_start
            return after and (instant < end or (end_is_in and instant == end))

        matching = sorted(filter(matches, self.rows), key=repr, reverse=self.newest_first)
        if self.order is not None:
            shuffled = sorted(matching, key=lambda _: self.order())
            matching = sorted(shuffled, key=itemgetter(CLICKED_AT), reverse=self.newest_first)
        begin = offset if self.heeds_offset else 0
        given_ = matching[begin : begin + self.cap]
        return Page(
            [row for row in given_ if not self.garbled(row)],
            total=len(matching) + self.lie if self.states_total else None,
            limit=self.states_limit,
            offset=begin if self.states_offset else None,
            served_at=SERVED + len(self.asked) * SECOND,
            rejected=[
                self._rejected(row, position)
                for position, row in enumerate(given_)
                if self.garbled(row)
            ],
            size_bytes=self.page_bytes,
        )

    def _rejected(self, row: Row, position: int) -> Rejected:
        clicked_at = None if self.garbles_time else row[CLICKED_AT]
        return Rejected("nonsense", repr(row), repr(row), row[CLICK_ID], clicked_at, position)


class Alone:
    """The share of a slice that shares with nobody: a page is read when it is taken."""

    def __init__(self) -> None:
        self.held: list[float] = []

    def hold(self, part: float) -> None:
        self.held.append(part)

    def read(self, read_page: Callable[[int], Page], offsets: Iterable[int]) -> Generator[Page]:
        yield from map(read_page, offsets)


class Shuffled(Alone):
    """The share of a slice whose pages come in any order at all, and more of them than needed."""

    def __init__(self, seed: int) -> None:
        super().__init__()
        self._random = Random(seed)

    def read(self, read_page: Callable[[int], Page], offsets: Iterable[int]) -> Generator[Page]:
        offsets = list(offsets)
        shuffled = self._random.sample(offsets, len(offsets))
        pages = {offset: read_page(offset) for offset in shuffled}
        yield from (pages[offset] for offset in offsets)


class Never(Alone):
    """The share of a slice that must be read page after page."""

    def read(self, *_: object) -> Generator[Page]:
        raise AssertionError


def fetch_all(
    paging: Paging, service: Service, window: Window = HOUR, share: Share | None = None
) -> "Counter[Row]":
    """All clicks of a window, by way of however many splits."""
    return fetch_all_and_rejected(paging, service, window, share)[0]


def fetch_all_and_rejected(
    paging: Paging, service: Service, window: Window = HOUR, share: Share | None = None
) -> "tuple[Counter[Row], Counter[str]]":
    clicks: Counter[Row] = Counter()
    rejected: Counter[str] = Counter()
    waiting = [window]
    while waiting:
        part = waiting.pop()
        fetched = paging.fetch(service, part, share or Alone())
        if isinstance(fetched, Split):
            assert len(fetched.windows) > 1
            assert (fetched.windows[0].start, fetched.windows[-1].end) == (part.start, part.end)
            waiting += fetched.windows
        else:
            clicks.update(belonging(fetched.rows, part))
            rejected.update(record.text for record in fetched.rejected)
    return clicks, rejected


def fetched_whole(paging: Paging, service: Service, window: Window = HOUR) -> Fetched:
    fetched = paging.fetch(service, window, Alone())
    assert isinstance(fetched, Fetched)
    return fetched


with_ids = st.lists(st.integers(0, 20), max_size=40).map(
    lambda seconds: [click(at(s), id=f"{n:03}") for n, s in enumerate(seconds)]
)
without_ids = st.lists(
    st.builds(
        lambda second, ip: click(at(second), ip=ip),
        st.integers(0, 20),
        st.sampled_from("abcdefgh"),
    ),
    max_size=40,
)
flags = st.booleans()


# By offsets


@unhurried
@given(with_ids, st.integers(1, 9), st.integers(1, 30), flags, flags, flags, flags)
def test_offsets_give_every_click_once(rows, cap, budget, total, offset, end_is_in, newest):
    """Whatever the service's habits, a window by offsets is the exact multiset of its clicks."""
    service = Service(rows, cap, states_total=total, states_offset=offset, end_is_in=end_is_in,
                      newest_first=newest)  # fmt: skip
    paging = OffsetPaging(slice_records=budget)
    assert fetch_all(paging, service, span(0, 20)) == Counter(belonging(rows, span(0, 20)))


@unhurried
@given(without_ids, st.integers(1, 9), st.integers(1, 30), flags, flags)
def test_offsets_without_ids_give_every_click_or_an_error(rows, cap, budget, end_is_in, newest):
    """Without ids and without totals it is the exact multiset too, or an error, never less."""
    service = Service(rows, cap, states_total=False, end_is_in=end_is_in, newest_first=newest)
    paging = OffsetPaging(slice_records=budget)
    if max(Counter(rows).values(), default=0) < 2 * cap:
        assert fetch_all(paging, service) == Counter(rows)
        return
    try:
        clicks = fetch_all(paging, service)
    except UnstableError:
        return  # it can't tell a page of alike clicks from the same page again
    assert clicks == Counter(rows)


@unhurried
@given(st.integers(0, 60), st.integers(1, 9))
def test_clicks_all_alike_fill_whole_pages(count, cap):
    """Where the total allows it, pages that are alike to the letter are so many clicks."""
    service = Service(alike(count), cap)
    assert fetched_whole(OffsetPaging(), service).rows == alike(count)


def test_alike_pages_without_a_total_are_an_error():
    """Without a total nobody can tell a page of alike clicks from the same page again."""
    with pytest.raises(UnstableError, match="same page again"):
        OffsetPaging().fetch(Service(alike(30), states_total=False), HOUR, Alone())


def test_the_total_ends_the_paging():
    """With a total no page past the last is asked for; without one only an empty page ends it."""
    stated, silent = Service(numbered(30)), Service(numbered(30), states_total=False)
    fetched_whole(OffsetPaging(), stated)
    fetched_whole(OffsetPaging(), silent)
    assert [offset for _, offset in stated.asked] == [0, 10, 20]
    assert [offset for _, offset in silent.asked] == [0, 10, 20, 30]


def test_the_next_offset_is_what_was_received():
    """A service that gives fewer records than asked, and not always as many, loses none."""
    service = Service(numbered(30), states_total=False)
    caps = iter([7, 3, 9, 1, 10, 10, 10])

    def fewer(service: Service) -> None:
        service.cap = next(caps)

    service.before_page = fewer
    assert fetched_whole(OffsetPaging(), service).rows == numbered(30)
    assert [offset for _, offset in service.asked] == [0, 7, 10, 19, 20, 30]


def test_an_empty_window_takes_one_request():
    """No clicks are no clicks, with a total and without, and no second look is needed."""
    for total in (True, False):
        service = Service([], states_total=total)
        assert fetched_whole(OffsetPaging(), service).rows == []
        assert len(service.asked) == 1


def test_without_a_total_and_ids_a_slice_is_read_twice():
    """Only a second reading shows that nothing shifted; one page alone can't shift."""
    rows = [click(at(n), ip=str(n)) for n in range(15)]
    service = Service(rows, states_total=False)
    assert Counter(fetched_whole(OffsetPaging(), service).rows) == Counter(rows)
    assert [offset for _, offset in service.asked] == [0, 9, 14] * 2
    single = Service(rows[:5], states_total=False)
    fetched_whole(OffsetPaging(), single)
    assert len(single.asked) == 2


@pytest.mark.parametrize(
    ("second", "ids", "offsets"),
    [
        (lambda number: number, False, [0, 9]),
        (lambda number: number // 4, False, [0, 8]),
        (lambda number: number // 5, False, [0, 5]),
        (lambda number: number // 4, True, [0, 10]),  # an id shows what comes twice
        (lambda _: 0, False, [0, 10, 0, 10]),  # more than a page: only another reading helps
    ],
)
def test_without_ids_a_page_begins_with_the_last_second_of_the_one_before(second, ids, offsets):
    """So each second stands on one page whole, however the service orders its clicks."""
    rows = [click(at(second(n)), ip=f"{n:02}", id=f"{n:02}" if ids else None) for n in range(15)]
    service = Service(rows)
    assert Counter(fetched_whole(OffsetPaging(), service).rows) == Counter(rows)
    assert [offset for _, offset in service.asked] == offsets


@given(
    st.lists(st.integers(0, 30), min_size=1, max_size=60),
    st.booleans(),
    st.integers(0, 2**32),
)
def test_ties_in_another_order_on_each_page_lose_and_double_nothing(seconds, states_total, seed):
    """A second's clicks may come in any order on any page, as long as it fits on one."""
    counts: Counter[int] = Counter()
    rows = []
    for second in seconds:
        counts[second] += 1
        if counts[second] <= 9:
            rows.append(click(at(second), ip=f"{len(rows):02}"))
    service = Service(rows, states_total=states_total)
    service.order = Random(seed).random
    assert Counter(fetched_whole(OffsetPaging(), service).rows) == Counter(rows)


def test_two_readings_that_differ_are_no_reading():
    """Without totals and ids, clicks that come between two readings make a third and a fourth."""
    rows = [click(at(n), ip=str(n)) for n in range(15)]
    service = Service(rows[:14], states_total=False)

    def late(service: Service) -> None:
        if len(service.asked) == 4:
            service.rows = rows

    service.before_page = late
    assert Counter(fetched_whole(OffsetPaging(), service).rows) == Counter(rows)
    assert len(service.asked) == 12


@pytest.mark.parametrize("newest_first", [False, True])
def test_a_click_inserted_between_pages_is_noticed(newest_first):
    """A changed total makes the slice be read again, and then it is whole."""
    service = Service(numbered(25), newest_first=newest_first)
    extra = click(at(100 if newest_first else 0), id="0000000")

    def insert(service: Service) -> None:
        if len(service.asked) == 2:
            service.rows = [*service.rows, extra]

    service.before_page = insert
    assert Counter(fetched_whole(OffsetPaging(), service).rows) == Counter([*numbered(25), extra])


def test_without_a_total_ids_show_a_shift():
    """A click inserted before what was read brings an id twice: the slice is read again."""
    service = Service(numbered(25), states_total=False, newest_first=True)

    def insert(service: Service) -> None:
        if len(service.asked) == 2:
            service.rows = [*service.rows, click(at(100), id="9")]

    service.before_page = insert
    rows = fetched_whole(OffsetPaging(), service).rows
    assert len(rows) == len(set(rows)) == 26


def test_pages_that_never_hold_still_are_left():
    """After three readings the window is given up, and the error says what was seen."""
    service = Service(numbered(25), newest_first=True)

    def insert(service: Service) -> None:
        number = len(service.asked)
        service.rows = [*service.rows, click(at(100 + number), id=f"late{number}")]

    service.before_page = insert
    with pytest.raises(UnstableError, match=f"total changed .*, {ATTEMPTS} times in a row"):
        OffsetPaging().fetch(service, HOUR, Alone())


@pytest.mark.parametrize("lie", [-3, -1, 1, 3])
@pytest.mark.parametrize("count", [4, 10, 25])
def test_a_total_that_lies_is_an_error(lie, count):
    """The number of records must be what is stated, neither more nor less."""
    with pytest.raises(UnstableError, match=rf"states {count + lie} clicks and gave \d+"):
        OffsetPaging().fetch(Service(numbered(count), lie=lie), HOUR, Alone())


def test_a_total_on_some_pages_only_is_an_error():
    """A total that appears or goes away isn't one to count on."""
    service = Service(numbered(25))

    def silent(service: Service) -> None:
        service.states_total = len(service.asked) % 2 == 1

    service.before_page = silent
    with pytest.raises(UnstableError, match="total changed"):
        OffsetPaging().fetch(service, HOUR, Alone())


def test_an_ignored_offset_that_is_stated_is_an_error_at_once():
    """A service that says offset 0 when asked for 10 is asked once, and bisect is named."""
    service = Service(numbered(25), heeds_offset=False, states_offset=True)
    with pytest.raises(WindowError, match=r'answered from 0.*pagination = "bisect"'):
        OffsetPaging().fetch(service, HOUR, Alone())
    assert len(service.asked) == 2


@pytest.mark.parametrize("total", [True, False])
@pytest.mark.parametrize("rows", [numbered(25), alike(25)], ids=["ids", "alike"])
def test_an_ignored_offset_is_never_more_clicks(total, rows):
    """A service that gives its first page for ever is found out, stated or not."""
    service = Service(rows, heeds_offset=False, states_total=total)
    with pytest.raises(UnstableError):
        OffsetPaging().fetch(service, HOUR, Alone())
    assert len(service.asked) <= 9


def test_an_id_twice_is_an_error():
    """Two records of one id in one reading mean that the pages don't fit together."""
    twice = [*numbered(5), numbered(5)[2]]
    with pytest.raises(UnstableError, match="one click's id twice"):
        OffsetPaging().fetch(Service(twice), HOUR, Alone())


@pytest.mark.parametrize("total", [True, False])
@pytest.mark.parametrize("newest_first", [True, False])
def test_a_large_window_is_split(total, newest_first):
    """No slice holds much more than its budget, and the parts together are all clicks."""
    rows = numbered(300, second=lambda number: number * 10)
    service = Service(rows, states_total=total, newest_first=newest_first)
    paging = OffsetPaging(slice_records=40)
    assert isinstance(paging.fetch(service, HOUR, Alone()), Split)
    assert fetch_all(paging, service) == Counter(rows)
    assert max(offset for _, offset in service.asked) <= 50


def test_a_page_larger_than_the_budget_is_split_too():
    """Even the first page may be more than a slice should hold."""
    rows = numbered(30)
    service = Service(rows, cap=20, states_total=False)
    paging = OffsetPaging(slice_records=10)
    assert isinstance(paging.fetch(service, HOUR, Alone()), Split)
    assert fetch_all(paging, service) == Counter(rows)


def test_a_stated_total_splits_before_anything_else_is_read():
    """The first page's total says into how many parts: the rest of the window isn't read."""
    service = Service(numbered(300, second=lambda number: number * 10))
    split = OffsetPaging(slice_records=40).fetch(service, HOUR, Alone())
    assert isinstance(split, Split)
    assert (len(split.windows), len(service.asked)) == (8, 1)


@pytest.mark.parametrize("total", [True, False])
def test_a_second_cannot_be_split(total):
    """One second with more than a slice's budget is read whole."""
    rows = numbered(95, second=lambda _: 7)
    service = Service(rows, states_total=total)
    assert fetch_all(OffsetPaging(slice_records=20), service) == Counter(rows)


@pytest.mark.parametrize("total", [True, False])
@pytest.mark.parametrize(
    "bound", [{"second_records": 50}, {"second_bytes": 5_000}, {"slice_pages": 5}], ids=repr
)
def test_a_second_beyond_all_bounds_is_an_error(total, bound):
    """Memory and requests are bounded even so: the error names the second and what was read."""
    service = Service(numbered(95, second=lambda _: 7), states_total=total, page_bytes=1_000)
    with pytest.raises(WindowError, match=r"second 20.*:07 UTC doesn't .*60 records in 6 pages"):
        OffsetPaging(slice_records=20, **bound).fetch(service, span(7, 8), Alone())
    assert len(service.asked) == 6


@pytest.mark.parametrize("total", [True, False])
def test_a_second_up_to_the_bounds_is_whole(total):
    """What comes to its end at the last page allowed is no endless second."""
    rows = numbered(50, second=lambda _: 7)
    service = Service(rows, states_total=total, page_bytes=1_000)
    paging = OffsetPaging(slice_records=20, second_records=50, second_bytes=5_000, slice_pages=5)
    assert fetch_all(paging, service, span(7, 8)) == Counter(rows)


@pytest.mark.parametrize("total", [True, False])
@pytest.mark.parametrize("bound", [{"slice_bytes": 3_000}, {"slice_pages": 3}], ids=repr)
def test_a_window_of_large_or_small_pages_is_split(total, bound):
    """What a slice holds in bytes, and how often is asked for it, is bounded as records are."""
    rows = numbered(300, second=lambda number: number * 10)
    service = Service(rows, states_total=total, page_bytes=1_000)
    assert isinstance(OffsetPaging(**bound).fetch(service, HOUR, Alone()), Split)
    assert len(service.asked) == (1 if total and "slice_bytes" in bound else 4)
    assert fetch_all(OffsetPaging(**bound), service) == Counter(rows)


@pytest.mark.parametrize("growth", [0, 20, 10**17])
@pytest.mark.parametrize("at_end", [True, False])
def test_pages_that_never_end_are_asked_for_a_while(growth, at_end):
    """However small a window gets, a service that always has more is left, in bounded steps."""
    asked = 0

    class Endless:
        def read_page(self, window: Window, *, offset: int = 0) -> Page:
            nonlocal asked
            asked += 1
            second = window.end - SECOND if at_end else window.start
            rows = [click(format_utc(second), id=f"{asked}-{n}") for n in range(10)]
            return Page(rows, total=offset + growth if growth else None, offset=offset)

        def read_second(self, second: datetime) -> Page:
            raise AssertionError(second)

    paging = OffsetPaging(slice_records=100, second_records=300)
    window = HOUR
    with pytest.raises(WindowError):  # noqa: PT012 - which of the windows it is doesn't matter
        while True:
            window = first_part(paging.fetch(Endless(), window, Alone()))
    assert asked <= 800


def first_part(fetched: Fetched | Split) -> Window:
    assert isinstance(fetched, Split)
    assert len(fetched.windows) <= 3600
    return fetched.windows[0]


def test_a_page_of_more_than_was_asked_for_is_taken_whole():
    """A service that doesn't heed `limit` gives more: nothing of it is dropped or read again."""
    rows = numbered(130)
    service = Service(rows, cap=50)
    assert Counter(fetched_whole(OffsetPaging(), service).rows) == Counter(rows)
    assert [offset for _, offset in service.asked] == [0, 50, 100]


def test_a_slice_is_as_old_as_its_first_page():
    """What is settled is judged by the earliest of the service's clocks."""
    service = Service(numbered(25))
    assert fetched_whole(OffsetPaging(), service).served_at == SERVED + SECOND


# By making windows smaller


@unhurried
@given(with_ids | without_ids, st.integers(1, 9), flags, flags, flags, flags)
def test_bisection_gives_every_click_or_names_the_second(
    rows, cap, total, end_is_in, newest, heeds
):
    """The exact multiset where no second is fuller than a page, else an error for that second."""
    service = Service(rows, cap, states_total=total, end_is_in=end_is_in, newest_first=newest,
                      heeds_offset=heeds)  # fmt: skip
    paging = BisectPaging(page_size=cap)
    room = cap if total else cap - 1
    for second in range(21):
        part = span(second, second + 1)
        expected = Counter(belonging(rows, part))
        if expected.total() <= room:
            assert fetch_all(paging, service, part) == expected
        else:
            with pytest.raises(WindowError, match=f"12:00:{second:02} UTC has more clicks than"):
                fetch_all(paging, service, part)
    per_second = Counter(row[CLICKED_AT] for row in rows)
    if max(per_second.values(), default=0) <= room:
        assert fetch_all(paging, service) == Counter(rows)


def test_only_first_pages_are_asked_for():
    """Bisection needs no offsets."""
    service = Service(numbered(300), heeds_offset=False)
    assert fetch_all(BisectPaging(page_size=10), service) == Counter(numbered(300))
    assert {offset for _, offset in service.asked} == {0}


def test_a_full_page_is_presumed_truncated():
    """Without a total, as many records as asked mean that there may be more."""
    service = Service(numbered(10), states_total=False)
    assert isinstance(BisectPaging(page_size=10).fetch(service, HOUR, Alone()), Split)
    assert isinstance(BisectPaging(page_size=11).fetch(service, HOUR, Alone()), Fetched)


def test_a_full_page_with_its_total_is_whole():
    """A total that says that this was all makes no further request."""
    service = Service(numbered(10))
    assert fetched_whole(BisectPaging(page_size=10), service).rows == numbered(10)
    assert len(service.asked) == 1


def test_a_stated_limit_makes_a_page_full():
    """A service that gives 10 at most, and says so, is believed whatever was asked."""
    service = Service(numbered(35), states_total=False, states_limit=10)
    assert fetch_all(BisectPaging(page_size=1000), service) == Counter(numbered(35))


def test_a_limit_of_nothing_is_no_limit():
    """A service that states a limit of 0 isn't asked second by second."""
    service = Service(numbered(5), states_total=False, states_limit=0)
    assert fetched_whole(BisectPaging(page_size=10), service).rows == numbered(5)


def test_the_total_says_into_how_many_parts():
    """A window with five pages is split into five at once."""
    split = BisectPaging(page_size=10).fetch(Service(numbered(50)), HOUR, Alone())
    assert isinstance(split, Split)
    assert len(split.windows) == 5


def test_a_next_second_that_is_in_makes_no_second_too_full():
    """Where the end is in, a second is asked alone before it is called too full."""
    rows = numbered(6, second=lambda _: 7) + alike(9, second=8)
    for newest_first in (False, True):
        for total in (False, True):
            service = Service(rows, states_total=total, end_is_in=True, newest_first=newest_first)
            fetched = fetched_whole(BisectPaging(page_size=10), service, span(7, 8))
            assert Counter(belonging(fetched.rows, span(7, 8))) == Counter(rows[:6])


def test_an_empty_second_before_a_full_one_is_empty():
    """Where the end is in and a page shows the next second alone, there is nothing in this one."""
    service = Service(alike(30, second=8), states_total=False, end_is_in=True)
    assert fetched_whole(BisectPaging(page_size=10), service, span(7, 8)).rows == []


@pytest.mark.parametrize("end_is_in", [True, False])
@pytest.mark.parametrize("total", [True, False])
def test_a_second_fuller_than_a_page_is_named(end_is_in, total):
    """No smaller window can be asked for: the error names the second and the remedy."""
    service = Service(alike(11), states_total=total, end_is_in=end_is_in)
    with pytest.raises(WindowError, match=r'2026-11-19 12:00:07 UTC .* pagination = "offset"'):
        BisectPaging(page_size=10).fetch(service, span(7, 8), Alone())


def test_a_second_that_knows_less_when_asked_alone_is_an_error():
    """Clicks that a page has shown can't be gone because the question was another."""
    service = Service([*alike(4), *alike(8, second=8)], states_total=False, end_is_in=True)
    service.read_second = lambda _: Page([])  # it takes an empty span for a mistake
    with pytest.raises(WindowError, match="12:00:07 UTC"):
        BisectPaging(page_size=10).fetch(service, span(7, 8), Alone())


def test_a_service_that_ignores_the_start_is_an_error():
    """A full page of other times says nothing about a second, and is no empty second."""
    service = Service(alike(30, second=1), states_total=False, heeds_start=False)
    service.read_second = lambda _: Page([])
    with pytest.raises(WindowError, match="12:00:07 UTC"):
        BisectPaging(page_size=10).fetch(service, span(7, 8), Alone())


@pytest.mark.parametrize("rows", [numbered(5), [*numbered(5), numbered(5)[0]]])
def test_one_page_is_checked_as_well(rows):
    """A page with fewer clicks stated than given, or with an id twice, is read thrice and left."""
    lie = -1 if len(set(rows)) == len(rows) else 0
    service = Service(rows, lie=lie)
    with pytest.raises(UnstableError, match=f"{ATTEMPTS} times in a row"):
        BisectPaging(page_size=10).fetch(service, HOUR, Alone())
    assert len(service.asked) == ATTEMPTS


def test_a_page_that_was_wrong_once_is_read_again():
    """A moment's disorder costs a request, no clicks."""
    service = Service(numbered(5), lie=-1)

    def mend(service: Service) -> None:
        service.lie = -1 if len(service.asked) == 1 else 0

    service.before_page = mend
    assert fetched_whole(BisectPaging(page_size=10), service).rows == numbered(5)


# Records that can't be understood


def garbles(share: int, seed: int) -> Callable[[Row], bool]:
    """Of so many clicks of ten, always the same ones."""
    return lambda row: Random(f"{seed}{row}").randrange(10) < share


def told_apart(rows: list[Row], service: Service) -> "tuple[Counter[Row], Counter[str]]":
    """What is to be had of them: clicks, and the texts of what is no click."""
    nonsense = Counter(repr(row) for row in rows if service.garbled(row))
    return Counter(row for row in rows if not service.garbled(row)), nonsense


shares = st.sampled_from([1, 5, 9, 10])


@unhurried
@given(with_ids, st.integers(1, 9), st.integers(1, 30), flags, flags, flags, shares, st.integers())
def test_offsets_count_what_cannot_be_understood(
    rows, cap, budget, total, newest, times, share, seed
):
    """Nonsense among the records costs no click and no nonsense, and shifts no page."""
    service = Service(rows, cap, states_total=total, newest_first=newest,
                      garbled=garbles(share, seed), garbles_time=times)  # fmt: skip
    found = fetch_all_and_rejected(OffsetPaging(slice_records=budget), service)
    assert found == told_apart(rows, service)


@unhurried
@given(
    st.lists(st.integers(0, 30), min_size=1, max_size=60),
    flags,
    shares,
    st.integers(0, 2**32),
)
def test_ties_and_nonsense_lose_and_double_nothing(seconds, total, share, seed):
    """Without ids too, whatever the order of a second's records, as long as it fits on a page."""
    counts: Counter[int] = Counter()
    rows = []
    for second in seconds:
        counts[second] += 1
        if counts[second] <= 9:
            rows.append(click(at(second), ip=f"{len(rows):02}"))
    service = Service(rows, states_total=total, order=Random(seed).random,
                      garbled=garbles(share, seed), garbles_time=False)  # fmt: skip
    assert fetch_all_and_rejected(OffsetPaging(), service) == told_apart(rows, service)


@pytest.mark.parametrize("orders", [("abcdef", "bacdef"), ("abcdef", "abdcfe"), ("acbdfe",) * 2])
def test_nonsense_without_a_time_is_no_border_between_seconds(orders):
    """It may be of the second before: a page doesn't begin with it, whatever the others' order."""
    rows = [click(at("abcdef".index(ip) // 2), ip=ip) for ip in "abcdef"]
    service = Service(rows, cap=4, states_total=False, garbled=lambda row: row[IP] in "bc")
    places = iter(place for order in cycle(orders) for place in order)
    service.order = lambda: next(places)
    assert fetch_all_and_rejected(OffsetPaging(), service) == told_apart(rows, service)


@unhurried
@given(without_ids, st.integers(1, 9), st.integers(1, 30), flags, flags, flags, shares)
def test_nonsense_without_ids_is_whole_or_an_error(rows, cap, budget, total, newest, times, share):
    """In an order that doesn't change it is exact, or an error, never less."""
    service = Service(rows, cap, states_total=total, newest_first=newest,
                      garbled=garbles(share, 1), garbles_time=times)  # fmt: skip
    try:
        found = fetch_all_and_rejected(OffsetPaging(slice_records=budget), service)
    except UnstableError:
        assert max(Counter(rows).values()) >= 2 * cap
        assert not total
        return
    assert found == told_apart(rows, service)


def test_nonsense_that_comes_again_shows_a_shift():
    """Its id was on an earlier page: a click was skipped, and the slice is read again."""
    service = Service(numbered(25), states_total=False, newest_first=True,
                      garbled=lambda row: int(row[CLICK_ID]) == 15)  # fmt: skip

    def insert(service: Service) -> None:
        if len(service.asked) == 2:
            service.rows = [*service.rows, click(at(100), id="100")]

    service.before_page = insert
    clicks, rejected = fetch_all_and_rejected(OffsetPaging(), service)
    assert (clicks.total(), len(clicks), rejected.total()) == (25, 25, 1)


def test_the_total_counts_nonsense():
    """As many records as stated, whatever they are; one that is missing is missed."""
    for lie, count in ((0, 25), (1, 25), (-1, 25)):
        service = Service(numbered(count), lie=lie, garbled=lambda row: row[CLICK_ID] > "000011")
        if lie == 0:
            fetched = fetched_whole(OffsetPaging(), service)
            assert (len(fetched.rows), len(fetched.rejected)) == (12, 13)
        else:
            with pytest.raises(UnstableError, match=rf"states {count + lie} clicks and gave \d+"):
                OffsetPaging().fetch(service, HOUR, Alone())


@pytest.mark.parametrize("total", [True, False])
def test_a_page_of_nonsense_that_comes_again_is_an_error(total):
    """A service that gives its first page for ever is found out by its nonsense as well."""
    service = Service(numbered(25), heeds_offset=False, states_total=total, garbled=lambda _: True)
    with pytest.raises(UnstableError):
        OffsetPaging().fetch(service, HOUR, Alone())
    assert len(service.asked) <= 9


@unhurried
@given(with_ids | without_ids, st.integers(1, 9), flags, flags, flags, shares)
def test_bisection_counts_what_cannot_be_understood(rows, cap, total, newest, times, share):
    """A page full of nonsense is a full page; where each second fits on one, all is had."""
    service = Service(rows, cap, states_total=total, newest_first=newest, heeds_offset=False,
                      garbled=garbles(share, 1), garbles_time=times)  # fmt: skip
    per_second = Counter(row[CLICKED_AT] for row in rows)
    if max(per_second.values(), default=0) <= (cap if total else cap - 1):
        found = fetch_all_and_rejected(BisectPaging(page_size=cap), service)
        assert found == told_apart(rows, service)


@pytest.mark.parametrize("cap", [60, 80])
def test_a_hidden_cap_shows_by_nonsense_too(cap):
    """Halves with more nonsense than the whole show that the whole was cut short."""
    rows = numbered(200, second=lambda number: number * 10)
    service = Service(rows, cap, states_total=False, heeds_offset=False, garbled=lambda _: True)
    clicks, rejected = fetch_all_and_rejected(BisectPaging(page_size=1000), service)
    assert (clicks.total(), len(rejected), rejected.total()) == (0, 200, 200)


def test_nonsense_of_the_next_second_makes_no_second_too_full():
    """Where the end is in, a second that was asked alone is believed."""
    rows = numbered(6, second=lambda _: 7) + numbered(9, second=lambda _: 8)[6:]
    service = Service(rows, cap=8, states_total=False, end_is_in=True,
                      garbled=lambda row: row[CLICK_ID] in {"000000", "000006"})  # fmt: skip
    fetched = fetched_whole(BisectPaging(page_size=8), service, span(7, 8))
    assert (len(fetched.rows), len(fetched.rejected)) == (5, 1)


@pytest.mark.parametrize("total", [True, False])
def test_nonsense_counts_for_a_slices_budget(total):
    """Memory is bounded whatever the service gives: a window of nonsense alone is split too."""
    rows = numbered(300, second=lambda number: number * 10)
    service = Service(rows, states_total=total, garbled=lambda _: True)
    paging = OffsetPaging(slice_records=40)
    assert isinstance(paging.fetch(service, HOUR, Alone()), Split)
    assert fetch_all_and_rejected(paging, service)[1].total() == 300
    assert max(offset for _, offset in service.asked) <= 50
    crowded = Service(numbered(95, second=lambda _: 7), states_total=total, garbled=lambda _: True)
    with pytest.raises(WindowError, match="doesn't come to an end"):
        OffsetPaging(slice_records=20, second_records=50).fetch(crowded, span(7, 8), Alone())


def test_nonsense_with_an_id_on_a_border_is_no_shift():
    """Among clicks without ids the last second comes again with the next page, ids and all."""
    rows = [click(at(n // 3), ip=f"{n:02}", id=None if n % 3 else f"{n:02}") for n in range(30)]
    service = Service(rows, cap=8, garbles_time=False)
    service.garbled = lambda row: row[CLICK_ID] is not None
    assert fetch_all_and_rejected(OffsetPaging(), service) == told_apart(rows, service)


# Side by side

seeds = st.integers(0, 2**32)


@unhurried
@given(with_ids, st.integers(1, 9), st.integers(1, 30), flags, flags, flags, flags, shares, seeds)
def test_pages_in_any_order_are_every_click_once(
    rows, cap, budget, total, end_is_in, newest, nonsense, share, seed
):
    """Whatever order the pages are read in, a window is the exact multiset of its records.

    Where the end is in, nonsense on the border of two slices is of both; the store keeps it once.
    """
    garbled = garbles(share, seed) if nonsense else lambda _: False
    service = Service(rows, cap, states_total=total, end_is_in=end_is_in, newest_first=newest,
                      garbled=garbled)  # fmt: skip
    paging = OffsetPaging(slice_records=budget, slices=6)
    window = span(0, 30)
    clicks, rejected = fetch_all_and_rejected(paging, service, window, Shuffled(seed))
    if end_is_in:
        rejected = Counter(rejected.keys())
    assert (clicks, rejected) == told_apart(rows, service)


@unhurried
@given(with_ids.filter(len), st.integers(1, 9), st.integers(1, 12), flags, flags, st.data(), seeds)
def test_a_change_between_pages_side_by_side_is_noticed(
    rows, cap, when, comes, newest, data, seed
):
    """A click that comes or goes at any moment: it is all as it was before, or as it is after."""
    late = click(at(data.draw(st.integers(0, 20))), id="late")
    gone = data.draw(st.sampled_from(rows))
    after = [*rows, late] if comes else [row for row in rows if row != gone]
    service = Service(rows, cap, newest_first=newest)

    def change(service: Service) -> None:
        if len(service.asked) == when:
            service.rows = after

    service.before_page = change
    found = fetch_all(OffsetPaging(), service, HOUR, Shuffled(seed))
    assert found in (Counter(rows), Counter(after))
    assert len(service.asked) < when or found == Counter(service.rows)


@given(with_ids, st.lists(st.integers(1, 9), min_size=1), seeds)
def test_pages_of_any_size_lose_nothing(rows, caps, seed):
    """Where a page isn't as large as the first, what was read beyond it is left, and read anew."""
    service = Service(rows)
    sizes = cycle(caps)

    def resize(service: Service) -> None:
        service.cap = next(sizes)

    service.before_page = resize
    assert fetch_all(OffsetPaging(), service, HOUR, Shuffled(seed)) == Counter(rows)


def test_each_page_is_asked_for_once():
    """Where every page is as large as the first, side by side costs no request more."""
    service = Service(numbered(45))
    fetch_all(OffsetPaging(), service, HOUR, Shuffled(3))
    assert sorted(offset for _, offset in service.asked) == [0, 10, 20, 30, 40]


@pytest.mark.parametrize(
    ("rows", "total"),
    [(numbered(45), False), ([click(at(n), ip=str(n)) for n in range(45)], True),
     ([*numbered(5), *alike(3, second=9), *numbered(40, second=lambda n: n + 20)[5:]], True)],
    ids=["no total", "no ids", "not all with ids"],
)  # fmt: skip
def test_what_only_the_page_before_tells_is_read_page_after_page(rows, total):
    """Without a total nobody knows how many pages there are; without ids, where one begins."""
    service = Service(rows, states_total=total)
    assert fetch_all(OffsetPaging(), service, HOUR, Never()) == Counter(rows)


def test_ids_that_cease_are_no_shift():
    """From there on it is read page after page, each second whole on one of them."""
    rows = [click(at(n // 3), ip=f"{n:02}", id=f"{n:02}" if n < 20 else None) for n in range(60)]
    service = Service(rows, order=Random(5).random)
    assert fetch_all(OffsetPaging(), service, HOUR, Shuffled(1)) == Counter(rows)


def test_an_error_of_one_page_is_the_slices():
    """A page that can't be had leaves the window, however many others could."""

    def refuse(service: Service) -> None:
        if service.asked[-1][1] == 30:
            raise WindowError("not this one")

    service = Service(numbered(45), before_page=refuse)
    with pytest.raises(WindowError, match="not this one"):
        OffsetPaging().fetch(service, HOUR, Shuffled(1))


@pytest.mark.parametrize(("slices", "wide", "narrow"), [(1, 40, 40), (2, 40, 40), (8, 160, 40)])
def test_pages_side_by_side_may_fill_half_of_the_memory(slices, wide, narrow):
    """Of slices read page after page there are many at a time: each has its part of it only."""
    paging = OffsetPaging(slice_records=40, slices=slices)
    for most, has_ids in ((wide, True), (narrow, False)):
        for count in (most, most + 1):
            ids = [f"{n:04}" if has_ids else None for n in range(count)]
            service = Service([click(at(n), ip=str(n), id=ids[n]) for n in range(count)])
            fetched = paging.fetch(service, HOUR, Alone())
            assert isinstance(fetched, Split) == (count > most)


@pytest.mark.parametrize(
    ("count", "states_total", "held"),
    [(8, True, []), (80, True, [80 / 400]), (400, True, []), (80, False, [1 / 8])],
)
def test_a_slice_holds_what_it_will_need(count, states_total, held):
    """One page holds nothing, nor does what is split; without a total it is a slice's part."""
    service = Service(numbered(count), states_total=states_total)
    share = Alone()
    OffsetPaging(slice_records=50, slices=8, slice_pages=9).fetch(service, HOUR, share)
    assert share.held == held
