"""Reading a window of a service that gives first pages only: by making windows smaller."""

from dataclasses import dataclass, field
from datetime import timedelta
from math import ceil

from archiver.errors import WindowError
from archiver.model import CLICKED_AT, Fetched, Page, Split, Window
from archiver.sources.base import ClickReader, Share
from archiver.sources.consistency import refuse_ids_twice, refuse_wrong_total, until_stable
from archiver.timestamps import format_utc, parse_utc
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

    def fetch(self, reader: ClickReader, window: Window, _share: Share) -> Fetched | Split:
        return until_stable(lambda: self._fetch_once(reader, window))

    def _fetch_once(self, reader: ClickReader, window: Window) -> Fetched | Split:
        page = reader.read_page(window)
        if not self._is_full(page) and not self._is_cut_short(reader, window, page):
            return _whole(page)
        if window.end - window.start > _ONE_SECOND:
            parts = ceil(page.total / page.received) if page.total and page.received else 2
            return Split(split(window, max(2, parts)))
        return self._fetch_second(reader, window, page)

    def _fetch_second(self, reader: ClickReader, second: Window, full: Page) -> Fetched:
        """A second whose page is full may hold the next second's clicks: ask for it alone."""
        alone = reader.read_second(second.start)
        end_is_in = any(parse_utc(row[CLICKED_AT]) >= second.end for row in full.rows)
        # Whatever it says, what it has just shown of the second must be there.
        shown, given = (len(belonging(page.rows, second)) for page in (full, alone))
        if self._is_full(alone) or given < shown or not (alone.received or end_is_in):
            raise WindowError(
                f"the second {second.start:%Y-%m-%d %H:%M:%S} UTC has more clicks than the "
                f"{full.received} that the service gives at once, and time can't be made "
                'smaller. If the service heeds offsets, set pagination = "offset"'
            )
        return _whole(alone)

    def _is_full(self, page: Page) -> bool:
        """Whether the window may hold more than the page shows, by what is known of pages."""
        if page.total is not None:
            return page.total > page.received
        limits = (self.page_size, page.limit or self.page_size, self._hidden_cap or self.page_size)
        return page.received >= min(limits)

    def _is_cut_short(self, reader: ClickReader, window: Window, page: Page) -> bool:
        """Whether a page that is as large as any so far is so by a cap that isn't stated."""
        size = page.received
        if page.total is not None or size < self._largest:
            return False
        self._largest = size
        shown = _count(window, page)
        while window.end - window.start > _ONE_SECOND:
            halves = split(window, 2)
            pages = [reader.read_page(half) for half in halves]
            if sum(map(_count, halves, pages)) > shown:
                self._hidden_cap = size
                return True
            sizes = [half.received for half in pages]
            if max(sizes) < size:
                return False
            window = max(zip(sizes, halves, strict=True))[1]
        return False


def _whole(page: Page) -> Fetched:
    refuse_wrong_total(page.total, page.received)
    refuse_ids_twice(page.rows)
    return Fetched(page.rows, page.served_at, page.rejected)


def _count(window: Window, page: Page) -> int:
    """The page's records that belong to a window, or may: not all of them have a time."""
    start, end = format_utc(window.start), format_utc(window.end)
    return len(belonging(page.rows, window)) + sum(
        record.clicked_at is None or start <= record.clicked_at < end for record in page.rejected
    )
