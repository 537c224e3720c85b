"""The standing that a page shows: which links, in which order, how they have fared. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from archiver.config import Page
from archiver.links import name_in
from archiver.timestamps import format_utc
from jobs.trend import change, daily
from storage.standings import LinkHistory

_BY_CLICKS = ("clicks", "unique_clicks")
_MEDALS = 3
_LONGEST_TITLE = 500


@dataclass(frozen=True, slots=True)
class Entry:
    """A link's line on a page."""

    rank: int | None  # None: sorted by a number that isn't known of it
    id: str | None
    title: str  # its own, else its link; the beginning of a very long one
    link: str | None
    clicks: int | None  # None: the service gave no total yet
    unique_clicks: int | None
    change: int | None  # of clicks, since the day before; None: no total of about then
    daily: tuple[int | None, ...]  # clicks on each of the last 14 days, oldest first
    taken_at: datetime | None  # when its clicks were that many
    medal: int | None = None  # 1 to 3: among the first three by clicks, with some

    @property
    def address(self) -> str | None:
        """The link where a browser may be sent to it."""
        link = self.link or ""
        return link if link.lower().startswith(("http://", "https://")) else None


@dataclass(frozen=True, slots=True)
class Standing:
    """All that a page shows."""

    title: str
    account: str
    sort: str
    order: str
    entries: tuple[Entry, ...]

    @property
    def taken_at(self) -> datetime | None:
        """When the latest of its totals was taken; None where there are none."""
        return max((e.taken_at for e in self.entries if e.taken_at), default=None)

    def as_json(self) -> dict[str, Any]:
        """The JSON file beside the page: programs rely on its names."""
        return {
            "title": self.title,
            "account": self.account,
            "sort": self.sort,
            "order": self.order,
            "taken_at": _utc(self.taken_at),
            "entries": [
                {
                    "rank": entry.rank,
                    "id": entry.id,
                    "title": entry.title,
                    "link": entry.link,
                    "clicks": entry.clicks,
                    "unique_clicks": entry.unique_clicks,
                    "change": entry.change,
                    "last_14_days": entry.daily,
                    "taken_at": _utc(entry.taken_at),
                }
                for entry in self.entries
            ],
        }


def standing(page: Page, links: Iterable[LinkHistory]) -> Standing:
    """The standing of the links that the page chooses, sorted as it asks, ties by id."""
    chosen = sorted((link for link in links if _shows(page, link)), key=_id_order)
    known = [link for link in chosen if _value(page.sort, link) is not None]
    known.sort(key=lambda link: _value(page.sort, link), reverse=page.order == "desc")
    unknown = [link for link in chosen if _value(page.sort, link) is None]
    ranks = _ranks(page, known)
    ranked = [*zip(ranks, known, strict=True), *((None, link) for link in unknown)]
    if page.sort not in _BY_CLICKS:
        ranked = list(enumerate((link for _, link in ranked), 1))
    entries = tuple(_entry(page, rank, link) for rank, link in ranked)
    return Standing(page.title, page.account, page.sort, page.order, entries)


def _shows(page: Page, link: LinkHistory) -> bool:
    if page.group is not None:
        return link.group == page.group
    if page.links:
        if link.link_id is None:  # it may be written as its hash alone
            return name_in(link.key) in map(name_in, page.links)
        return link.key in page.links
    return page.host is None or page.host.lower() in _hosts(link)


def _hosts(link: LinkHistory) -> set[str]:
    """The link's host as the service states it, and as its address has it."""
    try:
        parts = urlsplit(link.link or "")
    except ValueError:
        return {(link.host or "").lower()}
    return {(host or "").lower() for host in (link.host, parts.netloc, parts.hostname)}


def _id_order(link: LinkHistory) -> tuple[bool, int, str, str]:
    """Numbers before all else, and as numbers."""
    text = link.key
    if text.isascii() and text.isdigit():
        digits = text.lstrip("0")
        return False, len(digits), digits, text
    return True, 0, text, text


def _value(sort: str, link: LinkHistory) -> Any:
    """What a link is sorted by; None where it isn't known."""
    if sort == "id":
        return _id_order(link)
    if sort == "title":
        return _title(link).casefold()
    if sort == "created_at":
        return link.created_at
    return getattr(link.snapshots[-1], sort) if link.snapshots else None


def _ranks(page: Page, sorted_links: Sequence[LinkHistory]) -> list[int]:
    """Equal numbers share a rank, and the next one counts them: 1, 2, 2, 4."""
    values = [_value(page.sort, link) for link in sorted_links]
    first: dict[Any, int] = {}
    for place, value in enumerate(values, 1):
        first.setdefault(value, place)
    return [first[value] for value in values]


def _title(link: LinkHistory) -> str:
    title = link.title or ""
    if not any(character.isprintable() and character != " " for character in title):
        title = link.link or link.key
    return title if len(title) <= _LONGEST_TITLE else f"{title[: _LONGEST_TITLE - 1]}…"


def _entry(page: Page, rank: int | None, link: LinkHistory) -> Entry:
    latest = link.snapshots[-1] if link.snapshots else None
    competes = page.sort in _BY_CLICKS and page.order == "desc" and _value(page.sort, link)
    return Entry(
        rank=rank,
        id=link.link_id,
        title=_title(link),
        link=link.link,
        clicks=latest and latest.clicks,
        unique_clicks=latest and latest.unique_clicks,
        change=change(link.snapshots),
        daily=daily(link.snapshots),
        taken_at=latest and latest.taken_at,
        medal=rank if competes and rank is not None and rank <= _MEDALS else None,
    )


def _utc(instant: datetime | None) -> str | None:
    return None if instant is None else format_utc(instant)
