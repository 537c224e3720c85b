"""The Linktrack API, version 1.0: what each of its methods answers."""

from collections.abc import Callable
from datetime import datetime, timedelta

from flask import Request, Response

from refserver.addresses import host_of, link_address
from refserver.answers import ApiError, list_answer, text_answer, xml_safe
from refserver.database import Account, Database
from refserver.dialects import RENAMED_FIELDS, RENAMED_PARAMETERS
from refserver.history import HistoryQuery, HistoryRow, count_clicks, read_page
from refserver.linkform import read_link
from refserver.links import SORTS, LinksQuery, count_links, read_links
from refserver.names import refuse_taken_name
from refserver.parameters import FORMATS, Parameters
from refserver.timestamps import local_text

_LARGEST_PAGE = 1000
_LARGEST_OFFSET = 10**18 - 1
_CAP = 500
_ORDERS = ("asc", "desc")
_CLICK_FIELDS = (
    "id",
    "link_id",
    "link",
    "external_url",
    "title",
    "group",
    "clicked_at",
    "ip",
    "country",
    "referrer",
    "user_agent",
    "is_unique",
    "conversion",
)
_LINK_FIELDS = (
    "id",
    "link",
    "external_url",
    "host",
    "title",
    "vanity_link",
    "description",
    "notes",
    "group",
    "clicks",
    "unique_clicks",
    "created_at",
    "expires_at",
    "is_active",
    "is_public",
)


class Linktrack:
    """The API over one database, in a combination of dialects. `clock` gives aware instants."""

    def __init__(
        self, database: Database, dialects: frozenset[str], clock: Callable[[], datetime]
    ) -> None:
        self._database = database
        self._dialects = dialects
        self._clock = clock
        self._most_records = _CAP if "cap-500" in dialects else _LARGEST_PAGE
        self._parameter_names = RENAMED_PARAMETERS if "renamed" in dialects else {}
        field_names = RENAMED_FIELDS if "renamed" in dialects else {}
        shown = _CLICK_FIELDS[1:] if "no-id" in dialects else _CLICK_FIELDS
        self._click_fields = [field_names.get(field, field) for field in shown]

    def get_link_history(self, request: Request) -> Response:
        parameters = Parameters.of(request, self._parameter_names)
        form = parameters.choice("format", FORMATS)
        account = self._authenticate(parameters)
        limit = self._limit(parameters)
        query = self._history_query(parameters, account, min(limit, self._most_records))
        with self._database.reading() as connection:
            head = self._head(lambda: count_clicks(connection, query), limit, query.offset)
            page = read_page(connection, query)
        rows = _shown(page, host_of(request))
        if "no-id" in self._dialects:
            rows = [row[1:] for row in rows]
        return list_answer(form, head, "history", self._click_fields, rows)

    def get_links(self, request: Request) -> Response:
        parameters = Parameters.of(request, self._parameter_names)
        form = parameters.choice("format", FORMATS)
        account = self._authenticate(parameters)
        limit = self._limit(parameters)
        query = LinksQuery(
            account_id=account.id,
            link_ids=parameters.numbers("link_id"),
            group=_recorded(parameters, "group"),
            search=_recorded(parameters, "search"),
            sort=parameters.choice("sort", SORTS),
            descending=parameters.choice("order", _ORDERS) == "desc",
            limit=min(limit, self._most_records),
            offset=_offset(parameters),
        )
        with self._database.reading() as connection:
            head = self._head(lambda: count_links(connection, query), limit, query.offset)
            page = read_links(connection, query)
        host = host_of(request)
        rows = [
            (str(row.id), link_address(row.id, row.host, row.vanity_link, host), *row[1:])
            for row in page
        ]
        return list_answer(form, head, "links", _LINK_FIELDS, rows)

    def make_link(self, request: Request) -> Response:
        parameters = Parameters.of(request, self._parameter_names)
        account = self._authenticate(parameters)
        link = read_link(parameters, by_post=request.method == "POST", created_at=self._clock())
        with self._database.writing() as connection:
            refuse_taken_name(connection, link.host, link.vanity_link)
            (link_id,) = self._database.add_links(account.id, [link])
        host = host_of(request)
        return text_answer(link_address(link_id, link.host, link.vanity_link, host), 200)

    def _authenticate(self, parameters: Parameters) -> Account:
        login, password = parameters.text("login"), parameters.text("pass")
        if login is None or password is None:
            raise ApiError(401, "login and pass: both are needed")
        account = self._database.account(login, password)
        if account is None:
            raise ApiError(401, "login or pass: wrong credentials")
        return account

    def _history_query(self, parameters: Parameters, account: Account, limit: int) -> HistoryQuery:
        now = self._clock()
        start, end = parameters.local_time("start"), parameters.local_time("end")
        return HistoryQuery(
            account_id=account.id,
            start=start or local_text(now - timedelta(days=1), account.zone),
            end=end or local_text(now, account.zone),
            includes_end="inclusive-end" in self._dialects,
            link_ids=parameters.numbers("link_id"),
            group=_recorded(parameters, "group"),
            newest_first=self._newest_first(parameters),
            limit=limit,
            offset=0 if "no-offset" in self._dialects else _offset(parameters),
        )

    def _newest_first(self, parameters: Parameters) -> bool:
        if "newest-first" in self._dialects:
            return True
        return parameters.choice("order", _ORDERS) == "desc"

    def _limit(self, parameters: Parameters) -> int:
        return parameters.number("limit", least=1, most=_LARGEST_PAGE, default=_LARGEST_PAGE)

    def _head(self, count: Callable[[], int], limit: int, offset: int) -> dict[str, int]:
        stated = {} if "no-total" in self._dialects else {"total": count()}
        return {**stated, "limit": limit, "offset": offset}


def _recorded(parameters: Parameters, name: str) -> str | None:
    """A text as it would have been recorded, so that what was made by it is found by it."""
    text = parameters.text(name)
    return None if text is None else xml_safe(text)


def _offset(parameters: Parameters) -> int:
    return parameters.number("offset", least=0, most=_LARGEST_OFFSET, default=0)


def _shown(page: list[HistoryRow], request_host: str) -> list[tuple[str, ...]]:
    """The rows as records, in the order of the fields."""
    links: dict[int, tuple[str, str]] = {}
    rows: list[tuple[str, ...]] = []
    for row in page:
        if row.link_id not in links:
            address = link_address(row.link_id, row.host, row.vanity_link, request_host)
            links[row.link_id] = (str(row.link_id), address)
        rows.append((row.id, *links[row.link_id], *row[4:]))
    return rows
