"""What the engine asks of a store. The stores themselves are in `storage/`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from archiver.identity import Known
from archiver.model import Rejected, Row, Window


@dataclass(frozen=True, slots=True)
class Commit:
    """What one slice brings: its window, the clicks it adds, and the known ones it changes.

    `keys` names the rows of `clicks`, in their order; `revised` holds what stored clicks look
    like now, by their keys; `seen_at` is when that was seen. `rejected` are all of the slice's
    records that can't be understood: those that are stored already are no new ones.
    """

    account: str
    window: Window
    clicks: Sequence[Row]
    keys: Sequence[str]
    revised: Mapping[str, Row]
    seen_at: datetime
    rejected: Sequence[Rejected] = ()


class Store(Protocol):
    """Where the engine puts clicks. Raises StoreError where reading or writing fails."""

    def known_clicks(self, account: str, window: Window) -> Known:
        """The stored clicks of a window, by key, with the latest facts of each."""
        ...

    def commit(self, commit: Commit) -> Sequence[str]:
        """Store the clicks, the coverage and the days' counts in one atomic step.

        Durable when it returns; where it raises, nothing of it is covered. Gives what somebody
        should know of it, mostly nothing.
        """
        ...
