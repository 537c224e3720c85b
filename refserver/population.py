"""Populated accounts: links and clicks that look like a real account's, made from a seed."""

import ipaddress
import random
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from itertools import accumulate
from typing import NamedTuple
from zoneinfo import ZoneInfo

from refserver import samples
from refserver.database import Database
from refserver.records import NewClick, NewLink
from refserver.rhythm import find_repeats, plan_stretches

_UNIQUE_SECONDS = 30 * 60
_LINKS_SECONDS = 200 * 24 * 3600
# Of so many links these are made in the same second as the one before.
_IMPORT_EVERY, _IMPORTED = 10, range(3, 7)

# Every so many events one is a person who clicks again and again within a second, and one is
# a crowd, such as a mailing's scanners. By count and not by chance: small populations have both.
_IMPATIENT_EVERY, _IMPATIENT_AT = 61, 17
_CROWD_EVERY, _CROWD_AT = 401, 40


class _Visitor(NamedTuple):
    ip: str
    country: str
    user_agent: str


class _Visit(NamedTuple):
    link_id: int
    visitor: _Visitor
    referrer: str = ""
    conversion: str = ""


class _Event(NamedTuple):
    """Visits within one second of Unix time."""

    second: int
    visits: Sequence[_Visit]


def populate(
    database: Database,
    *,
    login: str,
    password: str,
    timezone: str,
    links: int,
    clicks: int,
    start: datetime,
    end: datetime,
    seed: int = 1,
) -> int:
    """Makes an account with that many links and exactly that many clicks in `[start, end)`.

    The same arguments make the same clicks. Returns the account's id. All of it is recorded or
    nothing. LoginTakenError for a login that exists; ValueError where there would be clicks
    without links or a time for them.
    """
    first, last = int(start.timestamp()), int(end.timestamp())
    if first >= last:
        raise ValueError(f"the period has to end after it starts: {start} to {end}")
    if links < 1 or clicks < 0:
        raise ValueError("a population needs a link at least, and no less than 0 clicks")
    # Not for secrets: the point is that it can be had again.
    rng = random.Random(seed)  # noqa: S311
    with database.writing():
        account_id = database.add_account(login, password, timezone)
        times = _creation_times(links, first, seed)
        link_ids = _add_links(database, account_id, times, rng)
        population = _Population(link_ids, clicks, rng)
        database.add_clicks(account_id, population.clicks(first, last, ZoneInfo(timezone)))
    return account_id


def _add_links(
    database: Database, account_id: int, times: Sequence[datetime], rng: random.Random
) -> list[int]:
    """Adds a link for each time of creation; their ids, the most popular first."""
    ids = database.add_links(
        account_id, (_new_link(number, account_id, time) for number, time in enumerate(times))
    )
    rng.shuffle(ids)
    return ids


def _creation_times(links: int, first: int, seed: int) -> list[datetime]:
    """Before any click, in the order of the ids; some at once, as when a list is imported."""
    # Apart from the clicks, which the seed alone has made since before links had these times.
    rng = random.Random(f"links {seed}")  # noqa: S311
    seconds = sorted(first - 1 - rng.randrange(_LINKS_SECONDS) for _ in range(links))
    for number in range(links):
        if number % _IMPORT_EVERY in _IMPORTED:
            seconds[number] = seconds[number - 1]
    return [datetime.fromtimestamp(second, UTC) for second in seconds]


def _new_link(number: int, account_id: int, created_at: datetime) -> NewLink:
    title = samples.TITLES[number % len(samples.TITLES)]
    if title and number >= len(samples.TITLES):
        title = f"{title} {number}"
    return NewLink(
        external_url=samples.DESTINATIONS[number % len(samples.DESTINATIONS)],
        title=title,
        group=samples.GROUPS[number % len(samples.GROUPS)],
        host=samples.HOSTS[number % len(samples.HOSTS)],
        vanity_link=f"offer-{number}-{account_id}" if number % 7 == 4 else "",
        description=samples.DESCRIPTIONS[number % len(samples.DESCRIPTIONS)],
        notes=samples.NOTES[number % len(samples.NOTES)],
        created_at=created_at,
        expires_at="2099-12-31 23:59:59" if number % 9 == 5 else "",
        is_active=number % 25 != 24,
        is_public=number % 3 == 0,
    )


class _Population:
    """The people of an account and what they click on."""

    def __init__(self, link_ids: Sequence[int], clicks: int, rng: random.Random) -> None:
        self._clicks = clicks
        self._rng = rng
        self._events = 0
        self._link_ids = link_ids
        self._link_sums = list(accumulate(1 / rank for rank in range(1, len(link_ids) + 1)))
        self._referrers = [referrer for referrer, _ in samples.REFERRERS]
        self._referrer_sums = list(accumulate(weight for _, weight in samples.REFERRERS))
        self._visitors = [_new_visitor(rng) for _ in range(min(max(clicks // 5, 20), 20_000))]
        self._last_visits: dict[tuple[int, str, str], int] = {}

    def clicks(self, first: int, last: int, zone: ZoneInfo) -> Iterator[NewClick]:
        """Exactly the stated number of clicks in `[first, last)` of Unix time, in its order."""
        twins = self._twins(first, last, zone)
        ordinary = self._clicks - len(twins)
        made = 0
        for stretch in plan_stretches(first, last, zone, ordinary, self._rng):
            stretch_end = stretch.start + stretch.seconds
            events = []
            while twins and twins[-1].second < stretch_end:
                events.append(twins.pop())
            while made < stretch.clicks_by_end:
                second = stretch.start + int(self._rng.random() * stretch.seconds)
                events.append(_Event(second, self._visits()[: ordinary - made]))
                made += len(events[-1].visits)
            events.sort(key=_second)
            for event in events:
                yield from self._recorded(event)
            self._forget(stretch_end)

    def _twins(self, first: int, last: int, zone: ZoneInfo) -> list[_Event]:
        """Two clicks alike to the letter for each repeated hour, one in each pass; latest first.

        Their local second is the same and their visitor has no other click, so that nothing in
        them but the id tells one from the other.
        """
        events: list[_Event] = []
        for number, repeat in enumerate(find_repeats(first, last, zone)[: self._clicks // 2]):
            visitor = _Visitor(f"192.0.2.{number % 256}", "", "")
            visits = [_Visit(self._link_ids[0], visitor)]
            second = self._rng.choice(repeat.passed)
            events += [_Event(second, visits), _Event(second + repeat.shift, visits)]
        return events[::-1]

    def _visits(self) -> list[_Visit]:
        """What happens next, in one second."""
        self._events += 1
        link_id = self._rng.choices(self._link_ids, cum_weights=self._link_sums)[0]
        if self._events % _CROWD_EVERY == _CROWD_AT:
            return [self._visit(link_id) for _ in range(self._rng.randint(8, 40))]
        if self._events % _IMPATIENT_EVERY == _IMPATIENT_AT:
            return [self._visit(link_id)._replace(conversion="")] * self._rng.randint(3, 5)
        return [self._visit(link_id)]

    def _visit(self, link_id: int) -> _Visit:
        # Squared: some come back a lot more often than others.
        visitor = self._visitors[int(self._rng.random() ** 2 * len(self._visitors))]
        referrer = self._rng.choices(self._referrers, cum_weights=self._referrer_sums)[0]
        conversion = ""
        if self._rng.random() < 0.008:
            cents = int(self._rng.expovariate(1 / 4000))
            conversion = f"{cents // 100}.{cents % 100:02d}"
        return _Visit(link_id, visitor, referrer, conversion)

    def _recorded(self, event: _Event) -> Iterator[NewClick]:
        clicked_at = datetime.fromtimestamp(event.second, UTC)
        for link_id, visitor, referrer, conversion in event.visits:
            key = (link_id, visitor.ip, visitor.user_agent)
            last_visit = self._last_visits.get(key)
            self._last_visits[key] = event.second
            is_unique = last_visit is None or event.second - last_visit >= _UNIQUE_SECONDS
            yield NewClick(
                link_id,
                clicked_at,
                visitor.ip,
                visitor.country,
                referrer,
                visitor.user_agent,
                is_unique,
                conversion,
            )

    def _forget(self, now: int) -> None:
        """Drops the visits that no longer matter, so that memory doesn't grow with the clicks."""
        self._last_visits = {
            key: second
            for key, second in self._last_visits.items()
            if now - second < _UNIQUE_SECONDS
        }


def _second(event: _Event) -> int:
    return event.second


def _new_visitor(rng: random.Random) -> _Visitor:
    """Somebody of the networks that are set aside for documentation and benchmarks."""
    if rng.random() < 0.3:
        # 2001:db8::/32
        address = str(ipaddress.IPv6Address((0x20010DB8 << 96) | rng.getrandbits(96)))
    else:
        # 198.18.0.0/15
        address = str(ipaddress.IPv4Address((198 << 24 | 18 << 16) + rng.getrandbits(17)))
    return _Visitor(
        address, _weighted(samples.COUNTRIES, rng), _weighted(samples.USER_AGENTS, rng)
    )


def _weighted(choices: Sequence[tuple[str, float]], rng: random.Random) -> str:
    return rng.choices([text for text, _ in choices], [weight for _, weight in choices])[0]
