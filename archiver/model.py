"""The words of the program as data: windows, clicks, pages, reports."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, NamedTuple, TypeAlias

#: Of how many windows that failed an account's report tells.
ERRORS_TOLD = 20

Outcome: TypeAlias = Literal["complete", "partial", "failed"]


@dataclass(frozen=True, slots=True, order=True)
class Window:
    """A half-open interval `[start, end)` of UTC time.

    Both ends are aware datetimes in UTC, on whole seconds, and start < end.
    """

    start: datetime
    end: datetime

    def __post_init__(self) -> None:
        if self.start >= self.end:
            raise ValueError(f"a window must end after it starts: {self}")

    def __str__(self) -> str:
        return f"[{_z(self.start)}, {_z(self.end)})"


def _z(instant: datetime) -> str:
    return instant.isoformat().replace("+00:00", "Z")


class Click(NamedTuple):
    """One record of link history, as stored and exported; no value is None, never "".

    Pages and slices hold clicks as plain tuples in this order (`Row`): a million named objects
    cost more than all checks together. `Click._make(row)` names a row's values.
    """

    account: str
    service: str
    clicked_at: str  # UTC, 2026-11-19T08:15:30Z
    clicked_at_source: str  # the service's own text
    id: str | None
    link_id: str | None
    link: str | None
    destination: str | None
    title: str | None
    group: str | None
    ip: str | None
    country: str | None
    referrer: str | None
    user_agent: str | None
    is_unique: bool | None
    conversion: str | None
    extra: str | None  # a JSON object, keys sorted, of what the service sent and we don't know


CLICK_FIELDS = Click._fields
CLICKED_AT = CLICK_FIELDS.index("clicked_at")
CLICKED_AT_SOURCE = CLICK_FIELDS.index("clicked_at_source")
CLICK_ID = CLICK_FIELDS.index("id")
Row: TypeAlias = tuple[Any, ...]  # a Click's values, in the order of CLICK_FIELDS


class Link(NamedTuple):
    """A tracking link as its service tells of it, with its totals at that instant.

    `key` names it within its account: the service's id or, without one, the link; it is empty for
    the account's own total. No value is None. Times are the service's own text.
    """

    key: str
    link_id: str | None = None
    link: str | None = None
    destination: str | None = None
    title: str | None = None
    group: str | None = None
    host: str | None = None
    created_at: str | None = None
    expires_at: str | None = None
    is_active: bool | None = None
    is_public: bool | None = None
    extra: str | None = None  # a JSON object of all else that the service says
    clicks: int | None = None
    unique_clicks: int | None = None


class RefusedLink(NamedTuple):
    """A link of which the service says that it doesn't know it, or not any more."""

    link: str
    reason: str


class MissedLink(NamedTuple):
    """A link whose totals couldn't be had this time."""

    link: str
    reason: str


class Rejected(NamedTuple):
    """A record that can't be understood, as it is kept: nothing of it is lost."""

    reason: str  # quotes nothing of the record
    text: str  # as JSON, keys sorted; fields without a value are left out, addresses treated
    event: str  # a hash of it, but for what belongs to the link
    id: str | None  # the service's
    clicked_at: str | None  # UTC, where that much can be understood
    position: int  # among its page's records, from 0


@dataclass(frozen=True, slots=True)
class Page:
    """One answer of the service: its records as rows, and what it states about them.

    Records that can't be understood stand beside them: `received` counts both. `total`, `limit`
    and `offset` are None where the service doesn't state them; `served_at` is the service's clock
    (HTTP `Date`) when it answered, `size_bytes` how large the answer was.
    """

    rows: list[Row]
    total: int | None = None
    limit: int | None = None
    offset: int | None = None
    served_at: datetime | None = None
    rejected: list[Rejected] = field(default_factory=list)
    size_bytes: int = 0

    @property
    def received(self) -> int:
        return len(self.rows) + len(self.rejected)


@dataclass(frozen=True, slots=True)
class Fetched:
    """A slice read whole and found consistent: as many records as stated, none twice.

    It may hold clicks from outside the slice's window, where the service gives more than asked.
    """

    rows: list[Row]
    served_at: datetime | None = None
    rejected: list[Rejected] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Split:
    """The window holds too much for one slice: fetch these windows, together the same, instead."""

    windows: list[Window]


@dataclass(slots=True)
class AccountReport:
    """What one run did for one account.

    `windows` counts slices committed, `fetched` the records that belong to them.
    """

    name: str
    fetched: int = 0
    new: int = 0
    windows: int = 0
    errors: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    failed: list[Window] = field(default_factory=list)
    has_clicks: bool = True  # its service has a log of them
    totals: int = 0  # links whose totals were kept, and the account's own
    rejected: int = 0  # new records that can't be understood
    incomparable: list[Window] = field(
        default_factory=list
    )  # what is stored there can't be compared
    aborted: bool = False  # not all windows were tried
    unexpected: bool = False  # an error of ours
    refused: bool = False  # its login, by the service

    @property
    def duplicates(self) -> int:
        return self.fetched - self.new

    @property
    def outcome(self) -> Outcome:
        if not self.errors:
            return "complete"
        return "partial" if self.windows or self.totals or self.rejected else "failed"

    @property
    def error(self) -> str | None:
        """What went wrong, a line each; of very many only the first."""
        more = len(self.errors) - ERRORS_TOLD
        told = self.errors[:ERRORS_TOLD] + ([f"and {more:,} more like these"] if more > 0 else [])
        return "\n".join(told) or None

    def as_json(self) -> dict[str, Any]:
        """The account's part of `run --json`: programs rely on its names."""
        names = ("name", "outcome", "fetched", "new", "duplicates", "windows", "error")
        return {name: getattr(self, name) for name in names}


@dataclass(frozen=True, slots=True)
class RunReport:
    """One execution: what it did for each of its accounts."""

    accounts: list[AccountReport]

    @property
    def outcome(self) -> Outcome:
        return summarize(account.outcome for account in self.accounts)

    def as_json(self) -> dict[str, Any]:
        return {
            "outcome": self.outcome,
            "accounts": [account.as_json() for account in self.accounts],
        }


def summarize(outcomes: Iterable[Outcome]) -> Outcome:
    """One word for several accounts: `failed` only where each of them is."""
    seen = set(outcomes)
    if seen <= {"complete"}:
        return "complete"
    return "failed" if seen == {"failed"} else "partial"
