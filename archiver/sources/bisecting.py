"""Reading a window of a service that gives first pages only: by making windows smaller."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from math import ceil

from archiver.errors import WindowError
from archiver.model import CLICKED_AT, Fetched, Page, Row, Split, Window
from archiver.sources.base import ClickReader
from archiver.sources.consistency import refuse_ids_twice, refuse_wrong_total, until_stable
from archiver.timestamps import parse_utc
from archiver.windows import belonging, split

#: No service is taken to cap its pages, and not to say so, at fewer records than this.
SMALLEST_HIDDEN_CAP = 50

_ONE_SECOND = timedelta(seconds=1)


@dataclass(slots=True)
class BisectPaging:
    """Only a window's first page is read; where it is full, the window is made smaller.

    A service may give fewer records than it was asked for and than it states. Where no total
    shows that, a page is believed to be whole if another one was larger, or if its window's halves
    together hold no more.
    """

    page_size: int = 1000
    _largest: int = field(default=SMALLEST_HIDDEN_CAP, init=False)
    _hidden_cap: int | None = field(default=None, init=False)

    def fetch(self, reader: ClickReader, window: Window) -> Fetched | Split:
        return until_stable(lambda: self._fetch_once(reader, window))

    def _fetch_once(self, reader: ClickReader, window: Window) -> Fetched | Split:
        page = reader.read_page(window)
        if not self._is_full(page) and not self._is_cut_short(reader, window, page):
            return _whole(page)
        if window.end - window.start > _ONE_SECOND:
            parts = ceil(page.total / len(page.rows)) if page.total and page.rows else 2
            return Split(split(window, max(2, parts)))
        return self._fetch_second(reader, window, page)

    def _fetch_second(self, reader: ClickReader, second: Window, full: Page) -> Fetched:
        """A second whose page is full may hold the next second's clicks: ask for it alone."""
        alone = reader.read_second(second.start)
        end_is_in = any(parse_utc(row[CLICKED_AT]) >= second.end for row in full.rows)
        # Whatever it says, what it has just shown of the second must be there.
        shown, given = (_count(second, rows) for rows in (full.rows, alone.rows))
        if self._is_full(alone) or given < shown or not (alone.rows or end_is_in):
            raise WindowError(
                f"the second {second.start:%Y-%m-%d %H:%M:%S} UTC has more clicks than the "
                f"{len(full.rows)} that the service gives at once, and time can't be made "
                'smaller. If the service heeds offsets, set pagination = "offset"'
            )
        return _whole(alone)

    def _is_full(self, page: Page) -> bool:
        """Whether the window may hold more than the page shows, by what is known of pages."""
        if page.total is not None:
            return page.total > len(page.rows)
        limits = (self.page_size, page.limit or self.page_size, self._hidden_cap or self.page_size)
        return len(page.rows) >= min(limits)

    def _is_cut_short(self, reader: ClickReader, window: Window, page: Page) -> bool:
        """Whether a page that is as large as any so far is so by a cap that isn't stated."""
        size = len(page.rows)
        if page.total is not None or size < self._largest:
            return False
        self._largest = size
        shown = _count(window, page.rows)
        while window.end - window.start > _ONE_SECOND:
            halves = split(window, 2)
            pages = [reader.read_page(half).rows for half in halves]
            if sum(map(_count, halves, pages)) > shown:
                self._hidden_cap = size
                return True
            if max(map(len, pages)) < size:
                return False
            window = max(zip(map(len, pages), halves, strict=True))[1]
        return False


def _whole(page: Page) -> Fetched:
    refuse_wrong_total(page.total, len(page.rows))
    refuse_ids_twice(page.rows)
    return Fetched(page.rows, page.served_at)


def _count(window: Window, rows: Sequence[Row]) -> int:
    return len(belonging(rows, window))
