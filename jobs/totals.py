"""Links and their totals, as each `run` keeps them beside the clicks."""

from collections.abc import Iterable, Iterator

from archiver.errors import SourceError
from archiver.model import Link
from jobs.turn import Turn

_LINKS_PER_TRANSACTION = 1000


def keep_totals(turn: Turn) -> None:
    """Keep each link's definition and totals; what can't be had is in the report.

    Clicks are archived all the same. A link that the service doesn't list any more is marked.
    """
    name, archive, links = turn.account.name, turn.archive, turn.service.links
    known = list(dict.fromkeys([*turn.account.links, *archive.links.addresses(name)]))
    there: list[str] = []
    fetched = links.fetch_links(known, lambda done, of: turn.observer.count(name, done, of))
    try:
        for batch in _batches(fetched):
            with archive.transaction():
                archive.links.observe(name, batch, turn.now)
            there += [link.key for link in batch]
            turn.report.totals += len(batch)
    except SourceError as error:
        turn.report.errors.append(f"links and totals: {error}")
        return
    if links.lists_all:
        with archive.transaction():
            archive.links.mark_gone(name, there, turn.now)


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
