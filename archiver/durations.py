"""Lengths of time as people write them: `30s`, `10m`, `26h`, `1d`."""

import re
from datetime import timedelta

_UNITS = {
    "d": timedelta(days=1),
    "h": timedelta(hours=1),
    "m": timedelta(minutes=1),
    "s": timedelta(seconds=1),
}
_LONGEST = timedelta(days=36_500)  # any longer, and now minus it leaves the calendar


def parse_duration(text: str) -> timedelta:
    """Read a whole number and one unit. Raises ValueError, which says what is accepted."""
    match = re.fullmatch(r"([0-9]{1,10})([dhms])", text)
    if not match or int(match[1]) > _LONGEST / _UNITS[match[2]]:
        raise ValueError("must be a duration such as 30s, 10m, 26h or 1d, and at most 36500d")
    return int(match[1]) * _UNITS[match[2]]


def format_duration(duration: timedelta) -> str:
    """Write a whole number of seconds, not negative, in the largest unit that fits it."""
    for letter, unit in _UNITS.items():
        if duration and not duration % unit:
            return f"{duration // unit}{letter}"
    return "0s"
