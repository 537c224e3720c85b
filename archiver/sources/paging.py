"""Reading a window page by page, by offsets.

It ends on what the service gave, never on what of it belongs to the window; and the pages must
fit together: as many records as stated, the same statement on each page, none twice.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import pairwise
from math import ceil

from archiver.errors import UnstableError, WindowError
from archiver.model import CLICK_ID, CLICKED_AT, Fetched, Page, Row, Split, Window
from archiver.sources.base import ClickReader, earliest
from archiver.sources.consistency import refuse_ids_twice, refuse_wrong_total, until_stable
from archiver.timestamps import parse_utc
from archiver.windows import split

_ONE_SECOND = timedelta(seconds=1)
_BISECT = 'If it only ever gives the first page, set pagination = "bisect".'


@dataclass(frozen=True, slots=True)
class OffsetPaging:
    """Pages follow each other by the number of records received.

    `slice_records` bounds what one slice holds in memory; a window with more is split in time.
    A second can't be split, and is read whole up to `second_records`.
    """

    slice_records: int = 20_000
    second_records: int = 1_000_000

    def fetch(self, reader: ClickReader, window: Window) -> Fetched | Split:
        return until_stable(lambda: self._fetch_once(reader, window))

    def _fetch_once(self, reader: ClickReader, window: Window) -> Fetched | Split:
        reading = self._read(reader, window)
        if isinstance(reading, Split) or not reading.needs_confirmation:
            return reading if isinstance(reading, Split) else reading.as_fetched()
        again = self._read(reader, window)
        if isinstance(again, Split) or Counter(again.rows) != Counter(reading.rows):
            raise UnstableError("two readings of the window gave different clicks")
        return again.as_fetched()

    def _read(self, reader: ClickReader, window: Window) -> "_Reading | Split":
        reading = _Reading()
        while True:
            offset = len(reading.rows)
            page = reader.read_page(window, offset=offset)
            if page.offset not in (None, offset):
                raise WindowError(
                    f"asked for records from offset {offset}, the service answered from "
                    f"{page.offset}. {_BISECT}"
                )
            smaller = self._split(window, reading, page)
            if smaller:
                return Split(smaller)
            reading.add(page)
            if reading.ended:
                reading.check()
                return reading

    def _split(self, window: Window, reading: "_Reading", page: Page) -> list[Window]:
        """Smaller windows where the slice gets too large and time can still be divided."""
        received = len(reading.rows) + len(page.rows)
        if window.end - window.start <= _ONE_SECOND:
            if received > self.second_records:
                raise WindowError(f"more than {self.second_records} records in one second")
            return []
        if page.total is not None:
            parts = ceil(page.total / self.slice_records)
            return split(window, parts) if parts > 1 else []
        if received > self.slice_records:
            return _cut_within(window, [*reading.rows, *page.rows])
        return []


@dataclass(slots=True)
class _Reading:
    """The pages of one slice, as they come in."""

    rows: list[Row] = field(default_factory=list)
    pages: list[Page] = field(default_factory=list)
    by_outline: dict[tuple[Row, Row, int], Page] = field(default_factory=dict)

    @property
    def total(self) -> int | None:
        return self.pages[0].total

    @property
    def ended(self) -> bool:
        last = self.pages[-1]
        if not last.rows:
            return True
        return self.total is not None and len(self.rows) >= self.total

    @property
    def needs_confirmation(self) -> bool:
        """Without ids, only a second reading may show that the pages fit together.

        Even with a total, where a page ends and the next begins within one second: a sort
        without a tie-break repeats one click there and skips another.
        """
        read = [page.rows for page in self.pages if page.rows]
        if len(read) < 2 or all(row[CLICK_ID] is not None for row in self.rows):
            return False
        borders = ((before[-1], after[0]) for before, after in pairwise(read))
        return self.total is None or any(
            last[CLICKED_AT] == first[CLICKED_AT] for last, first in borders
        )

    def add(self, page: Page) -> None:
        self._refuse_repetition(page)
        self.rows.extend(page.rows)
        self.pages.append(page)

    def check(self) -> None:
        if any(page.total != self.total for page in self.pages):
            raise UnstableError("the service's total changed while the pages were read")
        refuse_wrong_total(self.total, len(self.rows))
        refuse_ids_twice(self.rows)

    def as_fetched(self) -> Fetched:
        return Fetched(self.rows, earliest(page.served_at for page in self.pages))

    def _refuse_repetition(self, page: Page) -> None:
        """Raise where a page comes again: that is no progress.

        Unless its clicks are alike and the total leaves room for all of them.
        """
        if not page.rows:
            return
        outline = (page.rows[0], page.rows[-1], len(page.rows))
        earlier = self.by_outline.setdefault(outline, page)
        if earlier is page or earlier.rows != page.rows:
            return
        all_alike = len(set(page.rows)) == 1
        if not (all_alike and page.total is not None and len(self.rows) < page.total):
            raise UnstableError(f"the service gave the same page again. {_BISECT}")


def _cut_within(window: Window, rows: Sequence[Row]) -> list[Window]:
    """Two windows, of which one holds about three quarters of what was read so far.

    That is so whether the earliest clicks were read first or the latest. (A cut at the last
    record would leave a window that is too large by a few clicks, again and again.)
    """
    cut = parse_utc(rows[len(rows) * 3 // 4][CLICKED_AT])
    if window.start < cut < window.end:
        return [Window(window.start, cut), Window(cut, window.end)]
    return split(window, 2)
