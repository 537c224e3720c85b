"""A period as typed: `--from` is in, `--to` is out, either may be left out."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from archiver.errors import ConfigError
from archiver.model import Window
from archiver.timestamps import parse_instant

_BEGINNING = datetime(1, 1, 1, tzinfo=UTC)
_END = datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)


def typed_period(start: str | None, end: str | None, zone: ZoneInfo) -> Window:
    """The period, for somebody whose clock is in `zone`; all time where nothing is typed.

    Raises ConfigError where it isn't one.
    """
    first = _instant("--from", start, zone, _BEGINNING)
    last = _instant("--to", end, zone, _END)
    if first >= last:
        raise ConfigError(f"--to {end} isn't after --from {start}; --to is out")
    return Window(first, last)


def _instant(option: str, text: str | None, zone: ZoneInfo, default: datetime) -> datetime:
    if text is None:
        return default
    try:
        return parse_instant(text, zone)
    except ValueError as error:
        raise ConfigError(f"{option}: {error}") from None
