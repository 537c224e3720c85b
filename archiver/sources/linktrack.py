"""Linktrack's clicks: getLinkHistory."""

from collections.abc import Mapping
from datetime import UTC, datetime

from archiver.errors import WindowError
from archiver.model import CLICKED_AT, CLICKED_AT_SOURCE, Fetched, Page, Row, Split, Window
from archiver.privacy import Treatment
from archiver.sources.base import Paging, Share
from archiver.sources.linktrack_client import LinktrackClient
from archiver.sources.records import RecordReader
from archiver.timestamps import LocalTimes, format_utc


class LinktrackSource:
    """One account's clicks. Built by the command line, called from the engine's threads."""

    def __init__(
        self,
        client: LinktrackClient,
        *,
        account: str,
        times: LocalTimes,
        paging: Paging,
        page_size: int = 1000,
        field_names: Mapping[str, str] | None = None,
        treat_address: Treatment | None = None,
    ) -> None:
        self._client = client
        self._times = times
        self._paging = paging
        self._page_size = page_size
        self._records = RecordReader(
            account=account,
            service="linktrack",
            to_utc=times.to_utc,
            names=field_names or {},
            treat_address=treat_address,
        )

    def fetch(self, window: Window, share: Share) -> Fetched | Split:
        return self._paging.fetch(self, window, share)

    def close(self) -> None:
        self._client.close()

    def served_at(self) -> datetime | None:
        now = datetime.now(UTC).replace(microsecond=0)
        return self.read_second(now).served_at

    def read_page(self, window: Window, *, offset: int = 0) -> Page:
        try:
            start, end = self._times.bounds(window)
        except ValueError as error:
            raise WindowError(str(error)) from None
        if start == end:
            # Wholly within the second pass of a repeated hour: no local text means that time.
            return Page([], total=0)
        page = self._read(start, end, offset)
        strays = self._count_strays(page.rows, start, end, window)
        if strays:
            raise WindowError(
                f"asked for {start} to {end}, the service gave {strays} clicks of another time. "
                "Check the account's timezone, and the service's names of start and end in "
                "[accounts.parameters]"
            )
        return page

    def _count_strays(self, rows: list[Row], start: str, end: str, window: Window) -> int:
        """The clicks that weren't asked for; one of the very end may come, where it is in.

        Local texts are held against the texts that were asked for: at a clock change their
        instants may lie outside the window. Texts with a zone of their own are exact.
        """
        if all(start <= row[CLICKED_AT_SOURCE] <= end for row in rows):
            return 0
        first, last = format_utc(window.start), format_utc(window.end)
        return sum(
            not (start <= row[CLICKED_AT_SOURCE].replace("T", " ")[:19] <= end)
            and not (first <= row[CLICKED_AT] <= last)
            for row in rows
        )

    def read_second(self, second: datetime) -> Page:
        local = second.astimezone(self._times.zone).strftime("%Y-%m-%d %H:%M:%S")
        return self._read(local, local, 0)

    def _read(self, start: str, end: str, offset: int) -> Page:
        parameters = {
            "start": start,
            "end": end,
            "order": "asc",
            "limit": str(self._page_size),
            "offset": str(offset),
        }
        listing = self._client.fetch_list("getLinkHistory", "history", parameters)
        envelope = listing.envelope
        rows, rejected = self._records.read(envelope.records)
        return Page(
            rows,
            total=envelope.total,
            limit=envelope.limit,
            offset=envelope.offset,
            served_at=listing.served_at,
            rejected=rejected,
            size_bytes=listing.size_bytes,
        )
