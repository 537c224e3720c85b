"""A machine whose clock is wrong: for a process in which nothing has asked for the time yet."""

import datetime as dt
from datetime import timedelta, tzinfo
from typing import Any

_Real = dt.datetime


class _AnyDatetime(type):
    def __instancecheck__(cls, instance: object) -> bool:
        return isinstance(instance, _Real)


def set_ahead(seconds: float) -> None:
    """From now on, whoever imports `datetime` gets one whose now is ahead; or behind, below 0."""
    by = timedelta(seconds=seconds)

    class Wrong(_Real, metaclass=_AnyDatetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> Any:
            return _Real.now(tz) + by

    dt.datetime = Wrong  # type: ignore[misc]
