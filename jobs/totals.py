"""Links and their totals, as each `run` keeps them beside the clicks."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta

from archiver.errors import RefusedError, SourceError
from archiver.links import name_in
from archiver.model import Link, MissedLink, RefusedLink
from archiver.timestamps import earliest
from jobs.anomalies import note_falls, note_gone
from jobs.turn import Turn

#: Links per transaction: of a list that comes at once, and where each costs a request, so that
#: little of what was asked for is lost when the run is ended.
_LISTED_AT_ONCE = 1000
_ASKED_AT_ONCE = 20
#: A service's clock that is further behind than this is wrong, rather than ours.
_FAR_BEHIND = timedelta(days=31)


def keep_totals(turn: Turn) -> None:
    """Keep each link's definition and totals; what can't be had is in the report.

    Clicks are archived all the same. A link that the service doesn't know any more is marked.
    All totals of a run have one time, that of the first: a page shows those of one time.
    """
    name, archive, links = turn.account.name, turn.archive, turn.service.links
    there: list[str] = []
    unread: list[str] = []
    refused: list[RefusedLink] = []
    observed_at: datetime | None = None
    with archive.transaction():
        before = archive.links.latest_clicks(name, turn.now)
        expected = _expected(turn)
        keys = {} if links.lists_all else _keys_by_name(archive.links.keys_without_id(name))
    fetched = links.fetch_links(expected, lambda done, of: turn.observer.count(name, done, of))
    size = _LISTED_AT_ONCE if links.lists_all else _ASKED_AT_ONCE
    try:
        for batch in _batches(_told(turn, fetched, refused, keys, unread), size):
            with archive.transaction():
                observed_at = observed_at or _observed_at(turn)
                archive.links.observe(name, batch, observed_at)
                note_falls(turn, before, batch)
            there += [link.key for link in batch]
            turn.report.totals += len(batch)
        # One that can't be read, and isn't known by its name, may be any of the others.
        if links.lists_all and set(unread).issubset(expected):
            with archive.transaction():
                gone = archive.links.mark_others_gone(name, [*there, *unread], turn.now)
                note_gone(turn, before, gone)
    except SourceError as error:
        turn.report.refused = isinstance(error, RefusedError)
        turn.report.errors.append(f"links and totals: {error}")
    with archive.transaction():
        _mark_refused(turn, refused, keys)


def _keys_by_name(keys: Iterable[str]) -> dict[str, str]:
    """Under which key each link is kept, the first that it was kept under.

    Where links are named in the configuration, the same one may be written as its hash alone, or
    in full.
    """
    found: dict[str, str] = {}
    for key in keys:
        found.setdefault(name_in(key), key)
    return found


def _expected(turn: Turn) -> list[str]:
    """The links that are known so far; of those that the service can't list, which are wanted.

    One that was taken out of the configuration isn't asked for any more.
    """
    name, links = turn.account.name, turn.archive.links
    if turn.service.links.lists_all:
        return links.ids_there(name)
    return [*links.made_here(name), *turn.account.links]


def _observed_at(turn: Turn) -> datetime:
    """When totals were seen: by the earlier of both clocks, for one ahead would date them late.

    A page would then show them as the latest until that time has come. But a service's clock may
    stand still or go back: it dates nothing where, or before, totals are already. Totals can't be
    fetched again, so those of one run never take the place of another's.
    """
    name, links = turn.account.name, turn.archive.links
    now, served_at = turn.clock().replace(microsecond=0), turn.service.links.served_at
    is_far_behind = served_at is not None and now - served_at > _FAR_BEHIND
    instant = earliest([now, None if is_far_behind else served_at]) or now
    latest = links.latest_instant(name, now)
    if latest is not None and instant <= latest:
        instant = now
    while links.latest_instant(name, instant) == instant:
        instant += timedelta(seconds=1)
    return instant


def _told(
    turn: Turn,
    fetched: Iterable[Link | RefusedLink | MissedLink],
    refused: list[RefusedLink],
    keys: Mapping[str, str],
    unread: list[str],
) -> Iterator[Link]:
    """The links that the service tells of; the others are put aside, or reported."""
    for link in fetched:
        if isinstance(link, RefusedLink):
            refused.append(link)
        elif isinstance(link, MissedLink):
            turn.report.errors.append(f"links and totals: {link.link}: {link.reason}")
            unread.append(link.link)
        else:
            yield _as_kept(link, keys)


def _as_kept(link: Link, keys: Mapping[str, str]) -> Link:
    """A link under the key that it is kept under, written in the way that says more."""
    key = keys.get(name_in(link.key), link.key)
    return link._replace(key=key, link=link.link and max(link.link, key, key=len))


def _mark_refused(turn: Turn, refused: Iterable[RefusedLink], keys: Mapping[str, str]) -> None:
    """Say of which links the service knows nothing: each run, where the configuration asks for it.

    A link that was made here is asked for again, but told of once.
    """
    for link, reason in refused:
        key = keys.get(name_in(link), link)
        newly_gone = turn.archive.links.mark_gone(turn.account.name, key, turn.now)
        if link in turn.account.links:
            turn.report.errors.append(
                f"links and totals: {link}: {reason}. If it is gone, remove it from the "
                "account's links; its totals so far stay"
            )
        elif newly_gone:
            turn.report.warnings.append(
                f"{link} is marked as gone, its totals so far stay: {reason}"
            )


def _batches(links: Iterable[Link], size: int) -> Iterator[list[Link]]:
    """The links in batches; where the rest can't be had, what there was comes first."""
    batch: list[Link] = []
    try:
        for link in links:
            batch.append(link)
            if len(batch) == size:
                yield batch
                batch = []
    except SourceError:
        yield batch
        raise
    yield batch
