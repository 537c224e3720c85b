"""From the service's local time to UTC and back, and the times that people type.

A service without zones writes its account's wall clock. Once a year that clock shows an hour
twice, which is taken as the first of the two, and once it skips one, which is read as if the
clock had not been changed (dateutil's `resolve_imaginary`). All that leaves here is UTC.
"""

import re
from bisect import bisect_left
from collections.abc import Iterable
from datetime import UTC, date, datetime, time, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from dateutil.tz import resolve_imaginary

from archiver.model import Window

_DAY, _SECOND = timedelta(days=1), timedelta(seconds=1)
# No clock changes so near the calendar's ends; within, a day can be added and taken away.
_FIRST, _LAST = datetime(1, 1, 3, tzinfo=UTC), datetime(9999, 12, 29, tzinfo=UTC)

_DATE = r"\d{4}-\d\d-\d\d"
_HOUR = r"(?:[01]\d|2[0-3])"
_HOUR_MINUTE = rf"{_HOUR}:[0-5]\d"
_UTC_TEXT = re.compile(rf"{_DATE}T{_HOUR_MINUTE}:[0-5]\dZ", re.ASCII)
_SERVICE_TEXT = re.compile(
    rf"({_DATE}[ T]{_HOUR_MINUTE}:[0-5]\d)(?:\.\d+)?(Z|[+-]{_HOUR_MINUTE})?", re.ASCII
)
_TYPED_TEXT = re.compile(
    rf"{_DATE}(?:[ T]{_HOUR_MINUTE}(?::[0-5]\d)?(?:Z|[+-]{_HOUR}:?[0-5]\d)?)?", re.ASCII
)
_ACCEPTED = (
    "write 2026-11-19 (its midnight), 2026-11-19T08:15:30 (both in the account's time zone), "
    "or 2026-11-19T08:15:30Z or …+01:00, in whole seconds"
)
_SECONDS = {f":{second:02}": f":{second:02}Z" for second in range(60)}
_MINUTES_KEPT = 6_000  # some four days, of which slices in flight need one or two; 1.4 MB


def format_utc(instant: datetime) -> str:
    """Write an aware instant as `2026-11-19T08:15:30Z`; a fraction of a second is dropped.

    Raises ValueError for a naive datetime.
    """
    if instant.tzinfo is None:
        raise ValueError(f"a time without a zone is no instant: {instant}")
    return instant.astimezone(UTC).isoformat(timespec="seconds")[:19] + "Z"


def parse_utc(text: str) -> datetime:
    """Read exactly what `format_utc` writes. Raises ValueError for anything else."""
    if not _UTC_TEXT.fullmatch(text):
        raise ValueError(f"not a UTC time such as 2026-11-19T08:15:30Z: {text[:80]!r}")
    return datetime.fromisoformat(text)


def parse_instant(text: str, zone: ZoneInfo) -> datetime:
    """Read a time that a person typed, as an aware instant in UTC.

    With `Z` or an offset it is exact, without it is `zone`'s wall clock, and a date is its
    midnight there. A fraction of a second is refused: windows begin and end on whole seconds.
    Raises ValueError, which says what is accepted, for anything else.
    """
    if not _TYPED_TEXT.fullmatch(text):
        raise ValueError(f"not a time: {text[:80]!r}; {_ACCEPTED}")
    try:
        return _to_instant(datetime.fromisoformat(text), zone)
    except ValueError:
        raise ValueError(f"not on the calendar: {text[:80]!r}; {_ACCEPTED}") from None


def as_instant(value: date | datetime | str, zone: ZoneInfo) -> datetime:
    """Read what TOML makes of a time (a date, a datetime, a string) as `parse_instant` does."""
    if isinstance(value, str):
        return parse_instant(value, zone)
    if not isinstance(value, datetime):
        return _to_instant(datetime.combine(value, time()), zone)
    if value.microsecond:
        raise ValueError(f"not a time in whole seconds: {value}; {_ACCEPTED}")
    return _to_instant(value, zone)


def _to_instant(value: datetime, zone: ZoneInfo) -> datetime:
    """Give the instant of an aware datetime, or of a naive one on `zone`'s clock."""
    try:
        if value.tzinfo is None:
            value = value.replace(tzinfo=zone, fold=0)
            if value.utcoffset() != value.replace(fold=1).utcoffset():
                value = resolve_imaginary(value)
        return value.astimezone(UTC)
    except OverflowError:
        raise ValueError(f"outside the years 1 to 9999 in UTC: {value}") from None


def _is_kept(utc_text: str) -> bool:
    return "0002" <= utc_text < "9999"


class _Change(NamedTuple):
    """A change of a clock: from `at` on, `new` is what it is ahead of UTC, before it `old`."""

    at: datetime
    old: timedelta
    new: timedelta


class LocalTimes:
    """An account's clock."""

    def __init__(self, zone_name: str) -> None:
        """Take the IANA name of a zone. Raises ValueError for an unknown one."""
        try:
            self.zone = ZoneInfo(zone_name)
        except (ZoneInfoNotFoundError, ValueError, OSError):  # OSError: "America" is a folder
            raise ValueError(f"unknown time zone (one is UTC): {zone_name[:80]!r}") from None
        self._minutes: dict[str, str] = {}

    def to_utc(self, text: str) -> str:
        """Turn the service's text into UTC text as `format_utc` writes it.

        Accepts `YYYY-MM-DD HH:MM:SS` with a space or `T`, a fraction of a second, which is
        dropped, and `Z` or `±HH:MM`, which makes it exact. Raises ValueError for anything else
        and for what is outside the years 2 to 9998: the calendar's ends stand for no time. The
        error doesn't quote the text, which may be anything that isn't to be told.
        """
        # Called for each click; the zone is asked once for each hour of the log.
        try:
            return self._minutes[text[:16]] + _SECONDS[text[16:]]
        except KeyError:
            return self._convert(text)

    def _convert(self, text: str) -> str:
        found = _SERVICE_TEXT.fullmatch(text)
        if not found:
            raise ValueError("not a time such as 2026-11-19 08:15:30")
        try:
            value = datetime.fromisoformat(found[1] + (found[2] or ""))
            converted = format_utc(_to_instant(value, self.zone))
        except ValueError:
            raise ValueError("not a time on the calendar") from None
        if not _is_kept(converted):
            raise ValueError("a time in the calendar's first or last year")
        if len(text) == len("YYYY-MM-DD HH:MM:SS"):
            self._remember(value, text, converted)
        return converted

    def _remember(self, local: datetime, text: str, converted: str) -> None:
        """Keep its hour's minutes, if the same whole number of them turns each into UTC."""
        # At a change fold 0 gives the old offset and fold 1 the new one.
        first = self.zone.utcoffset(local.replace(minute=0, second=0, fold=0))
        last = self.zone.utcoffset(local.replace(minute=59, second=59, fold=1))
        if first != last or converted[17:19] != text[17:]:
            return
        if len(self._minutes) > _MINUTES_KEPT - 60:
            self._minutes.clear()
        begin = datetime.fromisoformat(converted[:16]) - timedelta(minutes=local.minute)
        for minute in range(60):
            instant = (begin + timedelta(minutes=minute)).isoformat(timespec="minutes")
            if _is_kept(instant):
                self._minutes[f"{text[:13]}:{minute:02}"] = instant

    def bounds(self, window: Window) -> tuple[str, str]:
        """Give the local texts to send to a service that compares local text, start in, end out.

        Every text whose `to_utc` lies in the window is within. Others are only where an end of
        the window lies in a skipped hour's image, where texts and instants differ in order. Both
        are the same for a window wholly in a repeated hour's second pass: no text means that
        time. Raises ValueError where the local time is outside the years 1 to 9999.
        """
        # The right text is a wall time of the window's end or of a change by it: see which.
        begin, over, zone = window.start, window.end, self.zone
        try:
            start = min(t for t in self._wall_times(begin) if _to_instant(t, zone) >= begin)
            end = max(t for t in self._wall_times(over) if _to_instant(t - _SECOND, zone) < over)
        except (OverflowError, ValueError):
            raise ValueError(f"{window} leaves the calendar in {self.zone.key}") from None
        return start.isoformat(" ", "seconds"), max(start, end).isoformat(" ", "seconds")

    def repeated_hour_start(self, instant: datetime) -> datetime | None:
        """Give where the first pass of the repeated hour about `instant` begins, or None.

        An hour is whatever the clock went back.
        """
        change = self._change(instant)
        if change is None:
            return None
        back = change.old - change.new
        return change.at - back if change.at - back <= instant < change.at + back else None

    def _wall_times(self, instant: datetime) -> set[datetime]:
        """Give what the clock showed, or would have shown, at `instant` and at a change by it."""
        change = self._change(instant)
        if change is None:
            return {instant.replace(tzinfo=None) + self._offset(instant)}
        both = (instant.replace(tzinfo=None), change.at.replace(tzinfo=None))
        return {naive + offset for naive in both for offset in (change.old, change.new)}

    def _change(self, instant: datetime) -> _Change | None:
        """Find the change within a day before or after; in all of tzdata no two are so near."""
        begin = min(max(instant.replace(microsecond=0), _FIRST), _LAST) - _DAY
        old, new = self._offset(begin), self._offset(begin + 2 * _DAY)
        if old == new:
            return None
        seconds = bisect_left(
            range(172_800), True, key=lambda n: self._offset(begin + n * _SECOND) == new
        )
        return _Change(begin + seconds * _SECOND, old, new)

    def _offset(self, instant: datetime) -> timedelta:
        """Give what the clock is ahead of UTC at an instant."""
        instant = min(max(instant, _FIRST - _DAY), _LAST + _DAY)
        return instant.astimezone(self.zone).replace(tzinfo=UTC) - instant


def earliest(instants: Iterable[datetime | None]) -> datetime | None:
    """The earliest of the instants that are known, None without any."""
    return min((instant for instant in instants if instant is not None), default=None)
