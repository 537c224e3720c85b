"""What a repair asks of a store."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import orjson

from archiver.errors import StoreError
from archiver.lines import line_of
from archiver.model import Row
from archiver.store import Commit
from storage.ledger import REVISION_COLUMNS, DayRow


@dataclass(frozen=True, slots=True)
class FoundDay:
    """What is stored of a UTC day, in order, whatever state it is in.

    `unreadable` is what is no click of the day, a line each; `torn` what never counted. `sound`
    says whether all is as the ledger has it, so that nothing needs to be written.
    """

    account: str
    day: str
    rows: list[Row]
    keys: list[str]
    unreadable: list[bytes]
    said: DayRow | None  # what the ledger says of it
    sound: bool
    torn: bytes = b""


@dataclass(frozen=True, slots=True)
class MendedDay:
    """What a day is to hold from now on: `rows`, named by `keys`.

    `commit` is what that brings beside them: clicks that are new, revisions. `set_aside` are rows
    that were stored and are no more; `orphans` are revisions of clicks that aren't stored.
    """

    found: FoundDay
    rows: Sequence[Row]
    keys: Sequence[str]
    set_aside: Sequence[Row]
    commit: Commit
    orphans: Sequence[Row] = ()

    def damaged(self) -> bytes:
        """All that is taken out of the store, to be kept in a file beside."""
        orphans = (line_of_columns(REVISION_COLUMNS, orphan) for orphan in self.orphans)
        return b"".join([*self.found.unreadable, *map(line_of, self.set_aside), *orphans])


class DayStore(Protocol):
    """A store, day by day. Raises StoreError where reading or writing fails."""

    def find(self, account: str, day: str) -> FoundDay:
        """Read a day as it is."""
        ...

    def keys(self, rows: Sequence[Row], wanted: Sequence[str | None]) -> list[str]:
        """The keys that rows will have; the wanted ones as far as this store can give them."""
        ...

    def replace(self, mended: MendedDay) -> Path | None:
        """Make a day what it should be, and the ledger with it, in one atomic step.

        Gives the file that has what was taken out, None where nothing was. Raises StoreError, and
        changes nothing, where another program changed the day since it was found.
        """
        ...


def line_of_columns(names: Sequence[str], columns: Sequence[Any]) -> bytes:
    """A row of the database as a line of JSON; bytes are written as in SQL."""
    named = dict(zip(names, map(_writable, columns), strict=True))
    return orjson.dumps(named, option=orjson.OPT_APPEND_NEWLINE)


def _writable(value: Any) -> Any:
    if isinstance(value, str):
        value = value.encode("utf-8", "surrogateescape")
        try:
            return value.decode()
        except UnicodeDecodeError:
            pass
    return f"x'{value.hex()}'" if isinstance(value, bytes) else value


def refuse_changed(found: FoundDay, now: FoundDay) -> None:
    """Raise StoreError where a day isn't any more what it was found to be.

    No lock holds other programs off, and what one adds while the service is asked would be lost.
    """
    if now != found:
        raise StoreError(
            f"{found.account} {found.day}: another program changed what is stored of it while it "
            "was fetched. Nothing has been changed; end that program, and repair the day again"
        )
