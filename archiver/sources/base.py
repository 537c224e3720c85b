"""What the engine asks of a source, and what a way of paging asks of a service's client."""

from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from datetime import datetime
from typing import Protocol

from archiver.model import Fetched, Link, MissedLink, Page, RefusedLink, Split, Window


class Share(Protocol):
    """One slice's share of what its account's slices have together: memory, and threads."""

    def hold(self, part: float) -> None:
        """Wait for so much of the memory, of which all is 1, and hold it instead of what it held.

        It is held until the slice has been taken. Whoever waits comes in turn; one that asks for
        more than there is waits until it is alone.
        """
        ...

    def read(self, read_page: Callable[[int], Page], offsets: Iterable[int]) -> Generator[Page]:
        """Read pages side by side, not far ahead of who takes them, and give them in order.

        What any of them raises comes at once.
        """
        ...


class Source(Protocol):
    """Where an account's clicks come from. Called from several threads at once."""

    def fetch(self, window: Window, share: Share) -> Fetched | Split:
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
    ) -> Iterator[Link | RefusedLink | MissedLink]:
        """Each link with its totals.

        `known` are links that are expected: their ids where the service lists its links, else
        the links themselves. `progress` is told how many of how many are there. Raises
        SourceError where the rest can't be had; what was given before is right all the same.
        """
        ...

    @property
    def served_at(self) -> datetime | None:
        """The service's clock at its latest answer; None where it doesn't tell."""
        ...

    @property
    def lists_all(self) -> bool:
        """Whether the service lists its links, so that one that isn't given is gone from it."""
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

    def fetch(self, reader: ClickReader, window: Window, share: Share) -> Fetched | Split: ...
