"""What shows that the pages of a slice belong together, whatever way they were asked for."""

from collections.abc import Callable
from typing import TypeVar

from archiver.errors import UnstableError
from archiver.model import CLICK_ID, Row

_Read = TypeVar("_Read")

#: Readings of a slice whose pages shift, before it is left for the next run.
ATTEMPTS = 3


def until_stable(fetch_once: Callable[[], _Read]) -> _Read:
    for _ in range(ATTEMPTS - 1):
        try:
            return fetch_once()
        except UnstableError:
            continue
    try:
        return fetch_once()
    except UnstableError as error:
        raise UnstableError(f"{error}, {ATTEMPTS} times in a row. Try again later") from None


def refuse_wrong_total(total: int | None, received: int, what: str = "clicks") -> None:
    """Raise UnstableError where the service states another number than it gave."""
    if total is not None and total != received:
        raise UnstableError(f"the service states {total} {what} and gave {received}")


def refuse_ids_twice(rows: list[Row]) -> None:
    ids = [row[CLICK_ID] for row in rows if row[CLICK_ID] is not None]
    if len(set(ids)) != len(ids):
        raise UnstableError("the service gave one click's id twice")
