"""Linktrack's links and their totals: getLinks and makeLink."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import count
from typing import Any
from urllib.parse import unquote, urlsplit

from archiver.errors import AccountError, SourceError, UnstableError, WindowError
from archiver.model import Link, MissedLink
from archiver.privacy import Treatment, treated_strings
from archiver.sources.consistency import refuse_wrong_total, until_stable
from archiver.sources.linktrack_client import LinktrackClient
from archiver.sources.records import as_json

_TEXTS = ("title", "group", "host", "created_at", "expires_at")
_FIELDS = (
    *("id", "link", "external_url", "clicks", "unique_clicks", "is_active", "is_public"),
    *_TEXTS,
)
_KNOWN = frozenset(_FIELDS)
_FLAGS = ("is_active", "is_public")
#: Short enough for any URL.
_IDS_AT_ONCE = 100
#: Among so many links made last there is one that was just made.
_NEWEST = 20
_BOOLEANS = {"1": True, "0": False, "true": True, "false": False}


#: What all links of an account may be, as they travel: some hundred thousands.
MAX_BYTES = 128 * 1024 * 1024
MAX_PAGES = 10_000


@dataclass(frozen=True, slots=True)
class _Listed:
    """Links by their keys; not whole where the service gives its first page and no other."""

    links: Mapping[str, Link | MissedLink]
    is_whole: bool = True


class LinktrackLinks:
    """One account's links. The service lists all of them."""

    lists_all = True

    def __init__(
        self,
        client: LinktrackClient,
        *,
        page_size: int = 1000,
        treat_address: Treatment | None = None,
    ) -> None:
        self._client = client
        self._treat_address = treat_address
        self._page_size = page_size
        self.served_at: datetime | None = None

    def fetch_links(
        self, known: Sequence[str], progress: Callable[[int, int], None]
    ) -> Iterator[Link | MissedLink]:
        """Read all links; as many as stated and none twice, or again.

        A link that is deleted between two pages moves all later ones, and one of them is on
        neither page; nothing may show it. So those of the `known` ids that weren't listed are
        asked for by themselves.
        """
        listed = until_stable(lambda: self._fetch_once({}, progress))
        yield from listed.links.values()
        # A comma in an id would make two of it.
        missing = [id_ for id_ in known if id_ not in listed.links and "," not in id_]
        size = min(self._page_size, _IDS_AT_ONCE)
        for start in range(0, len(missing), size):
            yield from self._fetch_by_ids(missing[start : start + size])
        if not listed.is_whole:
            raise WindowError(
                f"the service gives its first {len(listed.links):,} links only, whatever offset "
                "is asked for. These are kept, and those others of which clicks are archived, "
                "where it gives them by id; any more can't be had from it"
            )

    def _fetch_by_ids(self, ids: Sequence[str]) -> list[Link | MissedLink]:
        """Those of the links that are there, on one page."""
        chosen = {"link_id": ",".join(ids)}
        links = until_stable(lambda: self._fetch_once(chosen, lambda *_: None)).links
        return [link for key, link in links.items() if key in ids]

    def _fetch_once(
        self, chosen: Mapping[str, str], progress: Callable[[int, int], None]
    ) -> _Listed:
        """Read the chosen links, all where nothing is chosen."""
        links: dict[str, Link | MissedLink] = {}
        received = size = 0
        total: int | None = None
        for _ in range(MAX_PAGES):
            asked = {
                **chosen,
                "sort": "id",
                "order": "asc",
                "limit": str(self._page_size),
                "offset": str(received),
            }
            listing = self._client.fetch_list("getLinks", "links", asked)
            envelope, self.served_at = listing.envelope, listing.served_at
            size += listing.size_bytes
            if size > MAX_BYTES:
                break
            if links and envelope.total != total:
                raise UnstableError("the number of links changed while they were read")
            total = envelope.total
            page = dict(map(self._read, envelope.records, count(received)))
            if page and page.keys() == links.keys():  # the first page again
                is_full = len(links) >= (envelope.limit or self._page_size)
                return _Listed(links, is_whole=total is None and not is_full)
            received += len(envelope.records)
            links |= page
            if len(links) != received:
                raise UnstableError("the service gave one link twice")
            progress(received, envelope.total or received)
            if not envelope.records or received == envelope.total:
                refuse_wrong_total(envelope.total, received, "links")
                return _Listed(links)
        raise WindowError(
            f"the service's links don't come to an end: {received:,} so far. Their totals aren't "
            "kept. If its pages are small, raise the account's page_size"
        )

    def make_link(self, options: Mapping[str, str]) -> Link:
        """Make a tracking link. `options` are makeLink's own, `external_url` among them."""
        link = self._client.make_link(options)
        return Link(
            key=link,
            link=link,
            destination=options["external_url"],
            title=options.get("title"),
            group=options.get("group"),
        )

    def confirm(self, made: Link) -> Link:
        """The link as the service lists it, without totals; as it was made where it doesn't.

        An answer that was cut short can look like a link, and be somebody else's: raises
        AccountError for one that is listed with another destination.
        """
        newest = {"sort": "id", "order": "desc", "limit": str(_NEWEST), "offset": "0"}
        try:
            envelope = self._client.fetch_list("getLinks", "links", newest).envelope
        except SourceError:
            return made
        read = map(self._read, envelope.records, count())
        listed = [link for _, link in read if isinstance(link, Link)]
        said = made.link or ""
        begins_so = [
            link
            for link in listed
            if (link.link or "").startswith(said) and _is_same_destination(link, made)
        ]
        found = next((link for link in begins_so if link.link == said), None)
        if found is None and len(begins_so) == 1:
            found = begins_so[0]
        if found is None and any(link.link == said and link.destination for link in listed):
            raise AccountError(
                f"the service's answer is {said}, which it lists with another destination: that "
                "link isn't kept. Another may have been made: look at the service before you make "
                "it again"
            )
        return made if found is None else found._replace(clicks=None, unique_clicks=None)

    def _read(self, record: Mapping[str, Any], place: int) -> tuple[str, Link | MissedLink]:
        """A link under its key; one that can't be understood keeps no other from being kept."""
        try:
            link = self._link(record)
        except WindowError as error:
            key = _key_of(record) or f"number {place + 1} of the list"
            return key, MissedLink(key, str(error))
        return link.key, link

    def _link(self, record: Mapping[str, Any]) -> Link:
        link = _link_of(record)
        if link.extra is None or self._treat_address is None:
            return link
        return link._replace(extra=treated_strings(link.extra, self._treat_address))


def _is_same_destination(one: Link, other: Link) -> bool:
    return _spelled_alike(one.destination) == _spelled_alike(other.destination)


def _spelled_alike(url: str | None) -> str | None:
    """A URL in one of the ways to write it: services write a host or a character in their own."""
    if url is None:
        return None
    try:
        parts = urlsplit(url)
        host = parts.netloc.lower().encode("idna").decode()
    except ValueError:
        return url
    rest = unquote(url.partition("://")[2][len(parts.netloc) :])
    return f"{parts.scheme}://{host}{rest or '/'}"


def _link_of(record: Mapping[str, Any]) -> Link:
    record = {**record, **{name: _flag_text(record.get(name)) for name in _FLAGS}}
    for name in _FIELDS:
        if not isinstance(record.get(name), str | None):
            raise WindowError(f"the service's answer has something else than text as its {name}")
    key = _key_of(record)
    if key is None:
        raise WindowError("the service's answer has neither an id nor a link of it")
    unknown = {name: value for name, value in record.items() if _is_unknown(name, value)}
    return Link(
        key=key,
        link_id=record.get("id") or None,
        link=record.get("link") or None,
        destination=record.get("external_url") or None,
        **{name: record.get(name) or None for name in _TEXTS},
        is_active=_BOOLEANS.get(record.get("is_active") or ""),
        is_public=_BOOLEANS.get(record.get("is_public") or ""),
        extra=as_json(unknown),
        clicks=_count(record, "clicks"),
        unique_clicks=_count(record, "unique_clicks"),
    )


def _key_of(record: Mapping[str, Any]) -> str | None:
    """A link's id, else the link; None where it has neither."""
    named = (record.get(name) for name in ("id", "link"))
    return next((name for name in named if name and isinstance(name, str)), None)


def _flag_text(value: object) -> object:
    return str(value).lower() if isinstance(value, bool) else value


def _is_unknown(name: str, value: object) -> bool:
    """Whether a value that the service sent has no place of its own, or can't be read for it."""
    if value is None or value == "":
        return False
    return name not in _KNOWN or (name in _FLAGS and value not in _BOOLEANS)


def _count(record: Mapping[str, Any], name: str) -> int | None:
    text = record.get(name) or None
    if text is None:
        return None
    if not (text.isascii() and text.isdigit() and len(text) < 19):
        raise WindowError(f"the service's answer has no number as its {name}")
    return int(text)
