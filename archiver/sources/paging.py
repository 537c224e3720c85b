"""Reading a window page by page, by offsets.

It ends on what the service gave, never on what of it belongs to the window; and the pages must
fit together: as many records as stated, the same statement on each page, none twice.
"""

from collections import Counter
from collections.abc import Callable, Generator, Hashable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import pairwise
from math import ceil

from archiver.errors import UnstableError, WindowError
from archiver.model import CLICK_ID, CLICKED_AT, Fetched, Page, Rejected, Row, Split, Window
from archiver.sources.base import ClickReader, Share
from archiver.sources.consistency import refuse_ids_twice, refuse_wrong_total, until_stable
from archiver.timestamps import earliest, parse_utc
from archiver.windows import split

_ONE_SECOND = timedelta(seconds=1)
_BISECT = 'If it only ever gives the first page, set pagination = "bisect".'


@dataclass(frozen=True, slots=True)
class OffsetPaging:
    """Pages follow each other by the number of records received.

    Where the first page states a total and each of its records has an id, the others are read
    side by side: whether they fit together shows afterwards. Else only the page before tells
    where the next one begins, or whether there is one.

    `slice_records` and `slice_bytes` bound what a slice holds in memory, so that `slices` of them
    find room, `slice_pages` how often is asked for it; a window with more is split in time. One
    whose pages are read side by side may take half of all memory: two such slices keep many
    requests in flight. A second can't be split, and is read whole up to `second_records` and
    `second_bytes`: a service whose pages never end comes to an end there.
    """

    slice_records: int = 20_000
    slice_bytes: int = 16 * 1024 * 1024
    slices: int = 2
    slice_pages: int = 500
    second_records: int = 100_000
    second_bytes: int = 40 * 1024 * 1024

    def fetch(self, reader: ClickReader, window: Window, share: Share) -> Fetched | Split:
        return until_stable(lambda: self._fetch_once(reader, window, share))

    def _fetch_once(self, reader: ClickReader, window: Window, share: Share) -> Fetched | Split:
        reading = self._read(reader, window, share)
        if isinstance(reading, Split) or not reading.needs_confirmation:
            return reading if isinstance(reading, Split) else reading.as_fetched()
        again = self._read(reader, window, share)
        if isinstance(again, Split) or again.content != reading.content:
            raise UnstableError("two readings of the window gave different clicks")
        return again.as_fetched()

    def _read(self, reader: ClickReader, window: Window, share: Share) -> "_Reading | Split":
        def read_page(offset: int) -> Page:
            page = reader.read_page(window, offset=offset)
            if page.offset not in (None, offset):
                raise WindowError(
                    f"asked for records from offset {offset}, the service answered from "
                    f"{page.offset}. {_BISECT}"
                )
            return page

        reading = _Reading()
        with closing(self._pages(read_page, reading, share)) as pages:
            while not reading.ended:
                page = next(pages)
                smaller = self._split(window, reading, page)
                if smaller:
                    return Split(smaller)
                reading.add(page)
        reading.check()
        return reading

    def _pages(
        self, read_page: Callable[[int], Page], reading: "_Reading", share: Share
    ) -> Generator[Page]:
        """Pages without an end, each beginning where the reading stands by then."""
        yield (first := read_page(0))
        share.hold(self._slices_in(first.total, first) / self.slices)
        if _fits_any_order(first) and not self._is_large(first):
            end = min(first.total or 0, self.second_records + first.received)
            offsets = range(first.received, end, first.received)[: self.slice_pages]
            with closing(share.read(read_page, offsets)) as pages:
                for offset, page in zip(offsets, pages, strict=True):
                    if offset != reading.next_offset:
                        break  # the page before wasn't as large as the first one
                    yield page
                    if self._is_large(page):
                        break
        while True:
            yield read_page(reading.next_offset)

    def _is_large(self, page: Page) -> bool:
        """Whether such pages would take too much memory side by side."""
        return page.size_bytes > self.slice_bytes // 4

    def _slices_in(self, total: int | None, first: Page) -> float:
        """How many slices so many records would be, of such as are on the first page."""
        if total is None:
            return 1
        expected_bytes = total * first.size_bytes / max(1, first.received)
        return max(total / self.slice_records, expected_bytes / self.slice_bytes)

    def _split(self, window: Window, reading: "_Reading", page: Page) -> list[Window]:
        """Smaller windows where the slice gets too large and time can still be divided."""
        is_a_second = window.end - window.start <= _ONE_SECOND
        total = page.total
        first = (reading.pages or [page])[0]
        most = max(1, self.slices // 2) if _fits_any_order(first) else 1
        if total is not None and not is_a_second:
            parts = ceil(self._slices_in(total, first) / most)
            if parts > 1:
                return split(window, parts)
        records = reading.next_offset + page.received
        if not page.received or (total is not None and records >= total):
            return []  # it has come to its end
        size = reading.size_bytes + page.size_bytes
        too_many_pages = len(reading.pages) >= self.slice_pages
        if not is_a_second:
            too_large = records > most * self.slice_records or size > most * self.slice_bytes
            if too_large or too_many_pages:
                return _cut_within(window, [*reading.rows, *page.rows])
            return []
        if too_many_pages or records > self.second_records or size > self.second_bytes:
            raise WindowError(
                f"the second {window.start:%Y-%m-%d %H:%M:%S} UTC doesn't come to an end: "
                f"{records:,} records in {len(reading.pages) + 1:,} pages so far. If its pages "
                "are small, raise the account's page_size"
            )
        return []


@dataclass(slots=True)
class _Reading:
    """The pages of one slice, as they come in.

    Where clicks have no ids, a page begins with the last second of the one before, so that each
    second stands on one page whole: a sort without a tie-break may give the clicks of a second in
    another order on each page, and a border within it would repeat one and skip another.
    """

    rows: list[Row] = field(default_factory=list)
    rejected: list[Rejected] = field(default_factory=list)
    pages: list[Page] = field(default_factory=list)
    size_bytes: int = 0
    ended: bool = False
    by_outline: dict[Hashable, Page] = field(default_factory=dict)
    _tail: int = 0  # records at the end of what was read that the next page gives again
    _tail_rejected: int = 0  # those of them that can't be understood
    _rejected_with_id: set[str] = field(default_factory=set)
    _pages_read: int = 0  # those that brought a record
    _border_within_second: bool = False

    @property
    def total(self) -> int | None:
        return self.pages[0].total

    @property
    def received(self) -> int:
        return len(self.rows) + len(self.rejected)

    @property
    def content(self) -> "Counter[Hashable]":
        return Counter([*self.rows, *(record.text for record in self.rejected)])

    @property
    def next_offset(self) -> int:
        return self.received - self._tail

    @property
    def needs_confirmation(self) -> bool:
        """Without ids, only a second reading may show that the pages fit together."""
        if self._pages_read < 2 or _has_ids(self.rows, self.rejected):
            return False
        return self.total is None or self._border_within_second

    def add(self, page: Page) -> None:
        self._refuse_repetition(page)
        again = self._tail
        if page.received < again:
            raise UnstableError("records that were on one page are missing from the next")
        self._refuse_rejected_twice(page)
        del self.rows[len(self.rows) - (again - self._tail_rejected) :]
        del self.rejected[len(self.rejected) - self._tail_rejected :]
        self.rows.extend(page.rows)
        self.rejected.extend(page.rejected)
        self.pages.append(page)
        self.size_bytes += page.size_bytes
        self._pages_read += page.received > again
        if self.total is None:
            self.ended = not page.received or page.received == again
        else:
            self.ended = not page.received or self.received >= self.total
        one_by_one = self.ended or _has_ids(page.rows, page.rejected)
        self._tail = 0 if one_by_one else self._last_second(page)
        self._tail_rejected = sum(
            record.position >= page.received - self._tail for record in page.rejected
        )

    def _last_second(self, page: Page) -> int:
        """How many records of the page's last second end it; 0 where it holds no other one.

        A record without a time may be of the second before as well as of the one after: only
        where two seconds are known to meet is there a border between them.
        """
        for count, (after, before) in enumerate(pairwise(_times_backwards(page)), 1):
            if before != after and None not in (before, after):
                return count
        self._border_within_second = True
        return 0

    def check(self) -> None:
        if any(page.total != self.total for page in self.pages):
            raise UnstableError("the service's total changed while the pages were read")
        refuse_wrong_total(self.total, self.received)
        refuse_ids_twice(self.rows)

    def as_fetched(self) -> Fetched:
        served_at = earliest(page.served_at for page in self.pages)
        return Fetched(self.rows, served_at, self.rejected)

    def _refuse_rejected_twice(self, page: Page) -> None:
        """Raise where a record with an id was on an earlier page too: another one was skipped."""
        with_id = {record.text for record in page.rejected if record.id is not None}
        if not self._tail and not with_id.isdisjoint(self._rejected_with_id):
            raise UnstableError("the service gave one record twice")
        self._rejected_with_id |= with_id

    def _refuse_repetition(self, page: Page) -> None:
        """Raise where a page comes again: that is no progress.

        Unless its clicks are alike and the total leaves room for all of them.
        """
        if not page.received:
            return
        outline = (*page.rows[:1], *page.rows[-1:], *page.rejected[:1], page.received)
        earlier = self.by_outline.setdefault(outline, page)
        same = earlier.rows == page.rows and earlier.rejected == page.rejected
        if earlier is page or not same:
            return
        all_alike = len({*page.rows, *(record.text for record in page.rejected)}) == 1
        if not (all_alike and page.total is not None and self.received < page.total):
            raise UnstableError(f"the service gave the same page again. {_BISECT}")


def _fits_any_order(first: Page) -> bool:
    """Whether pages after the first can be read in any order, and what was missed still shows.

    The total tells where each of them begins, and ids whether records come twice on two pages.
    """
    return bool(first.total and first.received) and _has_ids(first.rows, first.rejected)


def _has_ids(rows: Sequence[Row], rejected: Sequence[Rejected]) -> bool:
    return all(row[CLICK_ID] is not None for row in rows) and all(
        record.id is not None for record in rejected
    )


def _times_backwards(page: Page) -> Iterator[str | None]:
    """The time of each of the page's records, the last one first; None where it isn't known."""
    if not page.rejected:
        return (row[CLICKED_AT] for row in reversed(page.rows))
    times: list[str | None] = [row[CLICKED_AT] for row in page.rows]
    for record in page.rejected:
        times.insert(record.position, record.clicked_at)
    return reversed(times)


def _cut_within(window: Window, rows: Sequence[Row]) -> list[Window]:
    """Two windows, of which one holds about three quarters of what was read so far.

    That is so whether the earliest clicks were read first or the latest. (A cut at the last
    record would leave a window that is too large by a few clicks, again and again.) Neither is
    longer than seven eighths of it, so that there is an end even if what was read isn't true.
    """
    if not rows:
        return split(window, 2)
    eighths = split(window, 8)
    cut = parse_utc(rows[len(rows) * 3 // 4][CLICKED_AT])
    cut = min(max(cut, eighths[0].end), eighths[-1].start)
    return [Window(window.start, cut), Window(cut, window.end)]
