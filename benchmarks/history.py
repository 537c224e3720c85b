"""The clicks that are archived in a measurement: day after day the same visits, at a day's rhythm.

Days are numbered. They lie between two clock changes of the account's zone, so that the local
texts that a service shows are UTC less four hours throughout.
"""

import random
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cached_property
from hashlib import blake2b
from itertools import repeat

import orjson

from archiver.model import CLICK_FIELDS, CLICK_ID, Row, Window

ACCOUNT = "acme"
ZONE = "America/New_York"
PAGE_SIZE = 1000
#: What the service calls a click's fields, in its order.
FIELDS = (
    "id", "link_id", "link", "external_url", "title", "group", "clicked_at", "ip", "country",
    "referrer", "user_agent", "is_unique", "conversion",
)  # fmt: skip

_FIRST = datetime(2024, 3, 11, tzinfo=UTC)
_DAYS = 235  # until the zone's clock changes
_BEHIND_UTC = timedelta(hours=4)
_FIRST_ID = 10_000_000
# How many of a day's clicks come in each hour, by UTC.
_RHYTHM = (4, 3, 2, 1, 1, 1, 1, 1, 1, 2, 3, 5, 7, 8, 9, 8, 7, 8, 9, 9, 8, 7, 6, 5)
# Of so many clicks these repeat the one before to the letter: somebody clicks again at once.
_IMPATIENT_EVERY, _IMPATIENT = 61, range(1, 4)
_BROWSERS = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/124",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 17_4 like Mac OS X) AppleWebKit/605.1.15 Version/17.4",
    "Mozilla/5.0 (X11; Linux x86_64; rv:125.0) Gecko/20100101 Firefox/125.0",
    "Mozilla/5.0 (Linux; Android 14) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/124 Mobile",
)
_COUNTRIES = ("US", "DE", "FR", "GB", "BR", None)


@dataclass(frozen=True)
class History:
    """Days of so many clicks each."""

    clicks_a_day: int
    _visits: dict[str, Sequence[str | None]] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_visits", _visits(self._seconds))

    @cached_property
    def _seconds(self) -> Sequence[int]:
        """When the day's clicks come, in seconds from its midnight."""
        rng = random.Random(1)
        hours = rng.choices(range(24), _RHYTHM, k=self.clicks_a_day)
        seconds = sorted(3600 * hour + rng.randrange(3600) for hour in hours)
        for number in range(self.clicks_a_day):
            if number % _IMPATIENT_EVERY in _IMPATIENT:
                seconds[number] = seconds[number - 1]
        return seconds

    def records(self, first_day: int, days: int) -> Iterator[dict[str, str | None]]:
        """The clicks of some days as the service gives them, in the order of time and id."""
        for day in range(first_day, first_day + days):
            columns = {**self._visits, "id": self._ids(day), "clicked_at": self._texts(day)}
            for values in zip(*(columns[name] for name in FIELDS), strict=True):
                yield dict(zip(FIELDS, values, strict=True))

    def rows(self, day: int) -> list[Row]:
        """The clicks of a day as they are to be stored."""
        utc = [f"{text[:10]}T{text[11:]}Z" for text in self._texts(day, behind=timedelta())]
        columns = {
            **self._visits,
            "account": repeat(ACCOUNT),
            "service": repeat("linktrack"),
            "clicked_at": utc,
            "clicked_at_source": self._texts(day),
            "id": self._ids(day),
            "destination": self._visits["external_url"],
            "is_unique": [unique == "1" for unique in self._visits["is_unique"]],
            "extra": repeat(None),
        }
        return list(zip(*(columns[name] for name in CLICK_FIELDS), strict=False))

    def fingerprint(self, first_day: int, days: int, *, with_ids: bool = True) -> str:
        """What `fingerprint` gives for the rows of some days, stored exactly."""
        rows = (row for day in range(first_day, first_day + days) for row in self.rows(day))
        if with_ids:
            return fingerprint(rows)
        return fingerprint((*row[:CLICK_ID], None, *row[CLICK_ID + 1 :]) for row in rows)

    def _ids(self, day: int) -> list[str]:
        first = _FIRST_ID + day * self.clicks_a_day
        return list(map(str, range(first, first + self.clicks_a_day)))

    def _texts(self, day: int, behind: timedelta = _BEHIND_UTC) -> list[str]:
        midnight = window(day, 1).start.replace(tzinfo=None) - behind
        return [str(midnight + timedelta(seconds=second)) for second in self._seconds]


def window(first_day: int, days: int) -> Window:
    """The time of some days: UTC days, as those of an archive."""
    if first_day + days > _DAYS:
        raise ValueError(f"the clock changes before day {first_day + days}")
    start = _FIRST + timedelta(days=first_day)
    return Window(start, start + timedelta(days=days))


def local_bounds(first_day: int, days: int) -> tuple[str, str]:
    """The same time as one asks the service for it."""
    asked = window(first_day, days)
    return local_text(asked.start), local_text(asked.end)


def local_text(instant: datetime) -> str:
    return str((instant - _BEHIND_UTC).replace(tzinfo=None))


def fingerprint(rows: Iterable[Sequence[object]]) -> str:
    """The number of rows and the sum of a hash of each: the same for the same clicks."""
    count = total = 0
    for row in rows:
        count += 1
        total += int.from_bytes(blake2b(orjson.dumps(row), digest_size=16).digest())
    return f"{count}:{total % (1 << 128):032x}"


def _visits(seconds: Sequence[int]) -> dict[str, Sequence[str | None]]:
    """What a day's clicks are beside their times and ids, by the service's names."""
    rng = random.Random(2)
    columns: dict[str, list[str | None]] = {
        name: [] for name in FIELDS if name not in {"id", "clicked_at"}
    }
    for number in range(len(seconds)):
        if number % _IMPATIENT_EVERY in _IMPATIENT:
            for column in columns.values():
                column.append(column[-1])
            continue
        link = int(40 * rng.random() ** 2)
        visit = {
            "link_id": str(17 + link),
            "link": f"http://linktrack.info/.{17 + link:x}",
            "external_url": f"https://example.com/landing/{link}?utm_source=newsletter&utm_id=7",
            "title": f"The campaign's page number {link}",
            "group": "contest" if link % 3 else None,
            "ip": f"198.18.{rng.randrange(256)}.{rng.randrange(256)}",
            "country": rng.choice(_COUNTRIES),
            "referrer": f"https://search.example/?q={rng.randrange(5000)}" if link % 4 else None,
            "user_agent": rng.choice(_BROWSERS),
            "is_unique": str(int(rng.random() < 0.7)),
            "conversion": f"{rng.randrange(1, 99)}.50" if rng.random() < 0.01 else None,
        }
        for name, value in visit.items():
            columns[name].append(value)
    return dict(columns)
