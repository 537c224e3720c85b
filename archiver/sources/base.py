"""What the engine asks of a source, and what a way of paging asks of a service's client."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from typing import Protocol

from archiver.model import Fetched, Link, Page, RefusedLink, Split, Window


class Source(Protocol):
    """Where an account's clicks come from. Called from several threads at once."""

    def fetch(self, window: Window) -> Fetched | Split:
        """Read all clicks of a window, checked, or say into which windows it is to be split.

        Raises AccountError where no window can be had in this run, WindowError where this one
        can't.
        """
        ...

    def served_at(self) -> datetime | None:
        """The service's clock now, by a small request; None where it doesn't tell.

        Raises SourceError where there is no answer.
        """
        ...

    def close(self) -> None:
        """Give up whatever is under way; fetches that wait for an answer raise at once."""
        ...


class LinkSource(Protocol):
    """Where an account's links and their totals come from."""

    def fetch_links(
        self, known: Sequence[str], progress: Callable[[int, int], None]
    ) -> Iterator[Link | RefusedLink]:
        """Each link with its totals; `known` are links that the service can't list by itself.

        `progress` is told how many of how many are there. Raises SourceError where they can't be
        had; what was given before is right all the same.
        """
        ...

    @property
    def served_at(self) -> datetime | None:
        """The service's clock at its latest answer; None where it doesn't tell."""
        ...

    @property
    def lists_all(self) -> bool:
        """Whether a link that isn't given is gone from the service."""
        ...


class ClickReader(Protocol):
    """One service's way to ask for a page of clicks."""

    def read_page(self, window: Window, *, offset: int = 0) -> Page:
        """One page of the window's clicks, from the record number `offset` on."""
        ...

    def read_second(self, second: datetime) -> Page:
        """Ask from a second to itself: only a service whose end is in has an answer."""
        ...


class Paging(Protocol):
    """A way to read a window page by page."""

    def fetch(self, reader: ClickReader, window: Window) -> Fetched | Split: ...


def is_link(text: str) -> bool:
    """Whether a service's answer can be the link that it was to make."""
    return text.startswith(("http://", "https://")) and len(text.split()) == 1


def earliest(instants: Iterable[datetime | None]) -> datetime | None:
    """The earliest of the instants that are known, None without any."""
    return min((instant for instant in instants if instant is not None), default=None)
