"""The reference server's own reading and writing of times."""

import re
from datetime import UTC, datetime, tzinfo

_LOCAL_TIME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2}")
_TYPED_TIME = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}"
    r"([T ][0-9]{2}:[0-9]{2}(:[0-9]{2})?(Z|[+-][0-9]{2}:[0-9]{2})?)?"
)


def is_local_time(text: str) -> bool:
    """Whether the text is a real date and time, written `YYYY-MM-DD HH:MM:SS` in ASCII."""
    if not _LOCAL_TIME.fullmatch(text):
        return False
    try:
        datetime.fromisoformat(text)
    except ValueError:
        return False
    return True


def local_text(instant: datetime, zone: tzinfo) -> str:
    """The instant as the API writes it: local time, whole seconds, no zone."""
    return instant.astimezone(zone).isoformat(" ")[:19]


def utc_text(instant: datetime) -> str:
    """The instant as `YYYY-MM-DDTHH:MM:SSZ`, cut to whole seconds."""
    return instant.astimezone(UTC).isoformat()[:19] + "Z"


def parse_typed(text: str, zone: tzinfo) -> datetime:
    """What a person typed, as an instant in UTC.

    ISO 8601: with an offset it is exact, without one it is in `zone` (the first of two in a
    repeated hour), and a date is its midnight. Anything else is a ValueError.
    """
    if not _TYPED_TIME.fullmatch(text):
        raise ValueError(f"{text!r} is no ISO 8601 date or time")
    typed = datetime.fromisoformat(text)
    if typed.tzinfo is None:
        typed = typed.replace(tzinfo=zone)
    try:
        return typed.astimezone(UTC)
    except OverflowError:
        raise ValueError(f"{text!r} is beyond the calendar in UTC") from None
