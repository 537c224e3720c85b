"""Linktrack: getLinkHistory of its API v1.0."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Literal

from archiver.errors import AccountError, SourceError, WindowError
from archiver.model import CLICKED_AT, CLICKED_AT_SOURCE, Fetched, Page, Row, Split, Window
from archiver.sources.base import Paging
from archiver.sources.envelope import Envelope, parse_envelope
from archiver.sources.records import RecordReader
from archiver.sources.transport import Answer, Transport
from archiver.timestamps import LocalTimes, format_utc

_CHECK_LOGIN = "Check the account's login, its password and its base_url"
_REMEDIES = {
    200: _CHECK_LOGIN,
    401: _CHECK_LOGIN,
    403: _CHECK_LOGIN,
    404: "Check the account's base_url",
    405: "Check the account's method",
    413: "Lower the account's page_size",
}
_FINAL = frozenset({401, 403, 404, 405})


class LinktrackSource:
    """One account's clicks. Built by the command line, called from the engine's threads."""

    def __init__(
        self,
        *,
        account: str,
        base_url: str,
        login: str,
        password: str,
        times: LocalTimes,
        transport: Transport,
        paging: Paging,
        form: Literal["xml", "json"] = "xml",
        page_size: int = 1000,
        parameter_names: Mapping[str, str] | None = None,
        field_names: Mapping[str, str] | None = None,
    ) -> None:
        self._base_url = base_url
        self._credentials = {"login": login, "pass": password}
        self._times = times
        self._transport = transport
        self._paging = paging
        self._form = form
        self._page_size = page_size
        self._parameter_names = parameter_names or {}
        self._has_answered = False
        self._records = RecordReader(
            account=account, service="linktrack", to_utc=times.to_utc, names=field_names or {}
        )

    def fetch(self, window: Window) -> Fetched | Split:
        return self._paging.fetch(self, window)

    def close(self) -> None:
        self._transport.close()

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
        answer = self._call("getLinkHistory", parameters)
        envelope = self._parse(answer, "history")
        return Page(
            self._records.read(envelope.records),
            total=envelope.total,
            limit=envelope.limit,
            offset=envelope.offset,
            served_at=answer.served_at,
        )

    def _call(self, method: str, parameters: Mapping[str, str]) -> Answer:
        named = {
            self._parameter_names.get(name, name): value
            for name, value in {**self._credentials, "format": self._form, **parameters}.items()
        }
        return self._transport.send(f"{self._base_url}{method}", named)

    def _parse(self, answer: Answer, list_name: str) -> Envelope:
        """The answer's envelope, if it is no error in any of the service's ways to say so."""
        if answer.body[:64].lstrip().startswith(b"Error:"):
            # It may mean anything from wrong credentials to too many requests: asking again
            # could lock the account.
            raise AccountError(f"{_CHECK_LOGIN}: the service says {_shown(answer.body)!r}")
        if answer.status != 200:
            raise self._refused(answer.status, self._message(answer, list_name))
        envelope = parse_envelope(answer.body, self._form, list_name)
        if envelope.error:
            raise self._refused(answer.status, envelope.message)
        self._has_answered = True
        return envelope

    def _refused(self, status: int, message: str) -> SourceError:
        """What a refusal means: for the whole account, unless it has given an answer before."""
        remedy = _REMEDIES.get(status, "Check [accounts.parameters], format and method")
        text = f"the service refuses with HTTP {status}. {remedy}; it says {message!r}"
        if self._has_answered and status not in _FINAL:
            return WindowError(text)
        return AccountError(text)

    def _message(self, answer: Answer, list_name: str) -> str:
        try:
            return parse_envelope(answer.body, self._form, list_name).message
        except WindowError:
            return ""


def _shown(body: bytes) -> str:
    """Long enough that nothing is cut which is to be redacted; the report cuts it after that."""
    return body[:10_000].decode("utf-8", "replace").strip()
