"""The words of the program as data: windows, clicks, pages, reports."""

from dataclasses import dataclass
from datetime import datetime


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
