"""What a service does with what it is asked: a few small requests that archive nothing."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

from archiver.config_account import Account
from archiver.model import CLICKED_AT, Page, Window
from archiver.plan import plan_end
from archiver.sources.linktrack import LinktrackSource
from archiver.timestamps import parse_utc
from jobs.sources import local_times
from jobs.turn import SKEW

_PROBED = timedelta(days=30)
_ONE_SECOND = timedelta(seconds=1)
#: Clicks so far ahead are those of another zone's clock; no two zones are further apart.
_SURELY_AHEAD, _FURTHEST_ZONE = timedelta(minutes=20), timedelta(hours=26)


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of `check`: what was looked at, whether it is well, and if not, why and what to do.

    `place` tells where it is wrong: `here` (exit code 2) or `there`, at the service or the disk
    (exit code 3). What is `odd` may be meant.
    """

    subject: str
    text: str
    place: Literal["well", "odd", "here", "there"] = "well"


def probe_clicks(account: Account, source: LinktrackSource, now: datetime) -> Iterator[Finding]:
    """Look at how the service answers for clicks, and at its clock.

    Raises SourceError where an answer can't be had, or isn't what was asked for.
    """
    end = plan_end(now, account.settle, local_times(account))
    window = Window(end - _PROBED, end)
    page = source.read_page(window)
    yield Finding(account.name, f"{account.base_url} answers and takes the credentials")
    yield from _not_understood(account, page)
    yield _heeds_windows(account, source, page)
    if account.pagination == "offset" and _has_more(account, page):
        yield _heeds_offsets(account, source, window, page)
    yield _clock(account, page, now)
    yield from _zone(account, source, window, page, now)


def _not_understood(account: Account, page: Page) -> Iterator[Finding]:
    if page.rejected:
        text = (
            f"{len(page.rejected)} of its {page.received} records can't be understood "
            f"({page.rejected[0].reason}): run keeps them, for `link-archiver rejected`. If the "
            "service names its fields differently, set [accounts.fields]"
        )
        # Some are archived as what they are, once; all of them are hardly clicks at all.
        yield Finding(account.name, text, "well" if page.rows else "there")


def _heeds_windows(account: Account, source: LinktrackSource, page: Page) -> Finding:
    """Ask for the second of a click alone: it must be there, and nothing else (a SourceError)."""
    if not page.rows:
        text = "it has no click of the last 30 days: whether it heeds start and end isn't seen"
        return Finding(account.name, text)
    clicked_at = page.rows[0][CLICKED_AT]
    begin = parse_utc(clicked_at)
    alone = source.read_page(Window(begin, begin + _ONE_SECOND))
    if any(row[CLICKED_AT] == clicked_at for row in alone.rows):
        return Finding(account.name, "it gives the clicks of the time that it is asked for")
    text = (
        f"it gave a click of {clicked_at}, but not when it was asked for that second alone. Check "
        "the account's timezone, and the service's names of start and end in [accounts.parameters]"
    )
    return Finding(account.name, text, "here")


def _has_more(account: Account, page: Page) -> bool:
    if page.total is None:
        return page.received >= account.page_size
    return page.total > page.received


def _heeds_offsets(
    account: Account, source: LinktrackSource, window: Window, first: Page
) -> Finding:
    offset = first.received
    second = source.read_page(window, offset=offset)
    if second.offset in (None, offset) and _beginning(second) != _beginning(first):
        return Finding(account.name, "it gives one page after the other")
    text = 'it gives the first page again for each offset. Set pagination = "bisect"'
    return Finding(account.name, text, "here")


def _beginning(page: Page) -> object:
    return page.rows[:1], page.rejected[:1]


def _clock(account: Account, page: Page, now: datetime) -> Finding:
    if page.served_at is None:
        return Finding(account.name, "the service doesn't tell its time: this machine's counts")
    skew = (now - page.served_at).total_seconds()
    if abs(skew) > SKEW.total_seconds():
        return Finding(
            account.name,
            f"this machine's clock is {abs(skew):.0f} seconds "
            f"{'ahead of' if skew > 0 else 'behind'} the service's: check its time",
            "here",
        )
    return Finding(account.name, "the service's clock and this machine's agree")


def _zone(
    account: Account, source: LinktrackSource, window: Window, page: Page, now: datetime
) -> Iterator[Finding]:
    """What the account's clicks tell of its time zone: one that is wrong can't be set right later.

    By the clock of a zone that lies too far west, the latest ones haven't come yet.
    """
    zone = account.timezone
    ahead = source.read_page(Window(now + _SURELY_AHEAD, now + _FURTHEST_ZONE))
    if ahead.rows:
        told = _local(parse_utc(ahead.rows[0][CLICKED_AT]), zone)
        text = (
            f"it has clicks of {told}, which hasn't come yet there. Check the account's timezone"
        )
        yield Finding(account.name, text, "here")
    elif page.rows:
        last = page if not page.total else source.read_page(window, offset=page.total - 1)
        newest = parse_utc((last.rows or page.rows)[-1][CLICKED_AT])
        text = f"its latest click that has settled is of {_local(newest, zone)}"
        yield Finding(
            account.name, f"{text}, {_ago(now - newest)}. If that can't be, check its timezone"
        )


def _local(instant: datetime, zone: ZoneInfo) -> str:
    return f"{instant.astimezone(zone):%Y-%m-%d %H:%M:%S} ({zone.key})"


def _ago(age: timedelta) -> str:
    minutes = int(age.total_seconds() // 60)
    if minutes < 120:
        return f"{minutes} minutes ago"
    return f"{minutes // 60} hours ago" if minutes < 48 * 60 else f"{minutes // 1440} days ago"
