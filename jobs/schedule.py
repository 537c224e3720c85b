"""When the daemon runs: a cron line, as cron itself reads it, in a time zone with clock changes.

APScheduler's own trigger counts weekdays from Monday, wants the day and the weekday both to fit,
fires twice in an hour that comes twice, and leaves out a day on which the hour doesn't come.
"""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from apscheduler.triggers.base import BaseTrigger
from apscheduler.triggers.combining import OrTrigger
from apscheduler.triggers.cron import CronTrigger
from dateutil.tz import resolve_imaginary

from archiver.config import Config
from archiver.errors import ConfigError

_WEEKDAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat", "sun")
#: No clock skips more at once, but for a day at the date line: then that day has no run.
_LONGEST_SKIP = timedelta(hours=3)
_MICROSECOND = timedelta(microseconds=1)


class Schedule(BaseTrigger):  # type: ignore[misc] # APScheduler has no types
    """The instants at which a cron line is due, each wall time once.

    One that a clock change skips is due when the clock has been changed.
    """

    def __init__(self, cron: str, zone: ZoneInfo) -> None:
        """Take five fields. Raises ValueError where they never come together, or make no sense."""
        self._zone = zone
        minute, hour, day, month, weekday = cron.lower().split()
        days = [{"day": day}, {"day_of_week": _weekdays(weekday)}]
        if day.startswith("*") or weekday.startswith("*"):
            days = [{**days[0], **days[1]}]
        # In UTC: what is searched for is a wall time, whatever the zone does.
        self._wall_times = OrTrigger(
            [CronTrigger(minute=minute, hour=hour, month=month, timezone=UTC, **d) for d in days]
        )
        if self._next(datetime(2000, 1, 1, tzinfo=UTC)) is None:
            raise ValueError("no day of any year fits it")

    def get_next_fire_time(
        self, previous_fire_time: datetime | None, now: datetime
    ) -> datetime | None:
        """The first instant that is due, not before `now` and after the previous one."""
        after = now if previous_fire_time is None else max(now, previous_fire_time + _MICROSECOND)
        due: datetime | None = None
        wall = self._next(self._wall_time(after) - _LONGEST_SKIP)
        # Where the clock skips an hour, a later wall time can be an earlier instant.
        while wall is not None and (due is None or wall <= self._wall_time(due)):
            instant = resolve_imaginary(wall.replace(tzinfo=self._zone)).astimezone(UTC)
            if instant >= after:
                due = min(instant, due or instant)
            wall = self._next(wall + _MICROSECOND)
        return due

    def _wall_time(self, instant: datetime) -> datetime:
        """What the clock shows, as if it were UTC: so it can be reckoned with."""
        return instant.astimezone(self._zone).replace(tzinfo=UTC, fold=0)

    def _next(self, wall: datetime) -> datetime | None:
        found: datetime | None = self._wall_times.get_next_fire_time(None, wall)
        return found


def schedule_of(config: Config) -> Schedule:
    """The schedule of a configuration. Raises ConfigError for one that is none."""
    try:
        return Schedule(config.schedule.cron, config.schedule.timezone)
    except ValueError as error:
        text = f"schedule.cron: {config.schedule.cron!r}: {error}. Mend it"
        raise ConfigError(f"{config.path}: {text}") from None


def _weekdays(field: str) -> str:
    """A field of weekdays by name: in cron Sunday is 0 and 7, and the end of a range may be it."""
    if field.startswith("*") and "/" not in field:
        return "*"
    numbers: list[int] = []
    for item in field.split(","):
        days, _, step = item.partition("/")
        first, _, last = ("0-6" if days == "*" else days).partition("-")
        begin = _weekday(first)
        end = _weekday(last) if last else 6 if step else begin
        if end < begin:
            end += 7
        numbers.extend(range(begin, end + 1, int(step or 1)))
    return ",".join(dict.fromkeys(_WEEKDAYS[number % 7] for number in numbers))


def _weekday(text: str) -> int:
    return int(text) if text.isdigit() else _WEEKDAYS.index(text)
