"""What is found to differ, and how a day's clicks are counted up again."""

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Protocol

from archiver.identity import digest_of
from archiver.lines import is_click
from archiver.model import CLICKED_AT, Row
from storage.ledger import DayRow

#: Of how many clicks of one difference the keys are told.
KEYS_TOLD = 20
#: Told of so many clicks more that were looked at.
Advance = Callable[[int], None]


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that isn't as it was committed.

    `account` is None where it isn't of one account, `day` where it isn't of one UTC day. `what`
    is one of the words in docs/verify.md. `keys` names some of the clicks where they are known.
    """

    account: str | None
    day: str | None
    what: str
    expected: Any
    found: Any
    keys: tuple[str, ...] = ()


@dataclass(slots=True)
class Findings:
    """What looking at a day, an account or an archive brought.

    `notes` are what somebody may like to know and no run suffers from.
    """

    clicks: int = 0
    differences: list[Difference] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


class StoredDays(Protocol):
    """The clicks of a store, day by day, past its own ways of reading them."""

    def accounts(self) -> set[str]:
        """The accounts of which something is stored, whatever the ledger says."""
        ...

    def days(self, account: str) -> Collection[str]:
        """The UTC days of which something is stored, whatever the ledger says."""
        ...

    def look(self, account: str, day: str, said: DayRow | None, advance: Advance) -> Findings:
        """Count a day up again, and hold it against what the ledger says of it."""
        ...

    def dayless(self) -> list[Difference]:
        """What is stored and is of no day."""
        ...


@dataclass(slots=True)
class Tally:
    """Clicks counted up as they are read, in any order. `unreadable` counts what is none."""

    clicks: int = 0
    digest: int = 0
    first_click: str | None = None
    last_click: str | None = None
    unreadable: int = 0

    def add(self, rows: Sequence[Row]) -> Sequence[Row]:
        """Count rows; give those of them that are clicks."""
        try:
            self._count(rows)
        except TypeError:  # values of another kind than a click's: only now each is looked at
            clicks = list(filter(is_click, rows))
            self.unreadable += len(rows) - len(clicks)
            self._count(clicks)
            return clicks
        return rows

    def _count(self, rows: Sequence[Row]) -> None:
        times = [row[CLICKED_AT] for row in rows]
        "".join(times)  # nothing is counted where one isn't a text
        digest = digest_of(rows)
        if times:
            self.clicks += len(rows)
            self.digest = (self.digest + digest) % (1 << 128)
            self.first_click = min(
                times if self.first_click is None else [self.first_click, *times]
            )
            self.last_click = max(times if self.last_click is None else [self.last_click, *times])


def is_day(value: object) -> bool:
    """Whether a value of the database is a day, as the program writes it."""
    try:
        return isinstance(value, str) and date.fromisoformat(value).isoformat() == value
    except ValueError:
        return False


def printable(text: str) -> str:
    """A text that may hold lone surrogates, in place of what isn't UTF-8, without them."""
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def held_against(
    said: DayRow | None, tally: Tally, account: str, day: str
) -> Iterator[Difference]:
    """Hold a day as it is stored against what the ledger says of it."""
    if tally.unreadable:
        yield Difference(account, day, "unreadable", 0, tally.unreadable)
    if said is None:
        if tally.clicks:
            yield Difference(account, day, "clicks", None, tally.clicks)
        return
    if said.clicks != tally.clicks:
        yield Difference(account, day, "clicks", said.clicks, tally.clicks)
    if not tally.clicks:
        return  # nothing is there to be compared further
    digest = f"{tally.digest:032x}"
    for what, expected, found in (
        ("digest", said.digest, digest),
        ("first_click", said.first_click, tally.first_click),
        ("last_click", said.last_click, tally.last_click),
    ):
        if expected != found:
            yield Difference(account, day, what, expected, found)
