"""Links and their totals, as each `run` keeps them beside the clicks."""

from collections.abc import Iterable, Iterator
from datetime import datetime

from archiver.errors import SourceError
from archiver.model import Link, RefusedLink
from archiver.sources.base import earliest
from jobs.anomalies import Fallen
from jobs.turn import Turn

_LINKS_PER_TRANSACTION = 1000


def keep_totals(turn: Turn) -> None:
    """Keep each link's definition and totals; what can't be had is in the report.

    Clicks are archived all the same. A link that the service doesn't know any more is marked.
    """
    name, archive, links = turn.account.name, turn.archive, turn.service.links
    known = list(dict.fromkeys([*turn.account.links, *archive.links.addresses(name)]))
    there: list[str] = []
    refused: list[RefusedLink] = []
    with archive.transaction():
        fallen = Fallen(archive.links.latest_clicks(name, turn.now))
    gone: list[str] = []
    fetched = links.fetch_links(known, lambda done, of: turn.observer.count(name, done, of))
    try:
        for batch in _batches(_told(fetched, refused)):
            observed_at = _observed_at(turn)
            with archive.transaction():
                archive.links.observe(name, batch, observed_at)
            fallen.compare(batch)
            there += [link.key for link in batch]
            turn.report.totals += len(batch)
        with archive.transaction():
            if links.lists_all:
                gone = archive.links.mark_others_gone(name, there, turn.now)
            else:
                _mark_refused(turn, refused)
    except SourceError as error:
        turn.report.errors.append(f"links and totals: {error}")
    fallen.warn(turn, gone)


def _observed_at(turn: Turn) -> datetime:
    """When totals were seen: by the earlier of both clocks, for one ahead would date them late.

    A page would then show them as the latest until that time has come.
    """
    now = turn.clock()
    return earliest([now, turn.service.links.served_at]) or now


def _told(fetched: Iterable[Link | RefusedLink], refused: list[RefusedLink]) -> Iterator[Link]:
    """The links that the service tells of; the others are put aside."""
    for link in fetched:
        if isinstance(link, RefusedLink):
            refused.append(link)
        else:
            yield link


def _mark_refused(turn: Turn, refused: Iterable[RefusedLink]) -> None:
    """Say of which links the service knows nothing: each run, where the configuration asks for it.

    A link that was only kept is asked for again, but told of once.
    """
    for link, reason in refused:
        newly_gone = turn.archive.links.mark_gone(turn.account.name, link, turn.now)
        if link in turn.account.links:
            turn.report.errors.append(
                f"links and totals: {link}: {reason}. If it is gone, remove it from the "
                "account's links; its totals so far stay"
            )
        elif newly_gone:
            turn.report.warnings.append(
                f"{link} is marked as gone, its totals so far stay: {reason}"
            )


def _batches(links: Iterable[Link]) -> Iterator[list[Link]]:
    """The links in batches; where the rest can't be had, what there was comes first."""
    batch: list[Link] = []
    try:
        for link in links:
            batch.append(link)
            if len(batch) == _LINKS_PER_TRANSACTION:
                yield batch
                batch = []
    except SourceError:
        yield batch
        raise
    yield batch
