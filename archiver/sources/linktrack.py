"""Linktrack: getLinkHistory of its API v1.0."""

from collections.abc import Mapping
from datetime import datetime
from typing import Literal

from archiver.errors import AccountError, WindowError
from archiver.model import Fetched, Page, Split, Window
from archiver.sources.base import Paging
from archiver.sources.envelope import Envelope, parse_envelope
from archiver.sources.records import RecordReader
from archiver.sources.transport import Answer, Transport
from archiver.timestamps import LocalTimes

_CHECK_LOGIN = "Check the account's login, its password and its base_url"


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
        self._records = RecordReader(
            account=account, service="linktrack", to_utc=times.to_utc, names=field_names or {}
        )

    def fetch(self, window: Window) -> Fetched | Split:
        return self._paging.fetch(self, window)

    def close(self) -> None:
        self._transport.close()

    def read_page(self, window: Window, *, offset: int = 0) -> Page:
        start, end = self._times.bounds(window)
        if start == end:
            # Wholly within the second pass of a repeated hour: no local text means that time.
            return Page([], total=0)
        return self._read(start, end, offset)

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
            raise AccountError(f"the service says {_shown(answer.body)!r}. {_CHECK_LOGIN}")
        if answer.status != 200:
            raise AccountError(self._refusal(answer, list_name))
        envelope = parse_envelope(answer.body, self._form, list_name)
        if envelope.error:
            raise AccountError(f"the service says {envelope.message[:200]!r}. {_CHECK_LOGIN}")
        return envelope

    def _refusal(self, answer: Answer, list_name: str) -> str:
        try:
            said = f" ({parse_envelope(answer.body, self._form, list_name).message[:200]})"
        except WindowError:
            said = ""
        remedy = {
            401: _CHECK_LOGIN,
            403: _CHECK_LOGIN,
            404: "Check the account's base_url",
            405: "Check the account's method",
            413: "Lower the account's page_size",
        }.get(answer.status, "Check [accounts.parameters], format and method of the account")
        return f"the service refuses with HTTP {answer.status}{said}. {remedy}"


def _shown(body: bytes) -> str:
    return body[:200].decode("utf-8", "replace").strip()
