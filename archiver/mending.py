"""What a damaged day should hold: the stored clicks held against those that the service gives.

The digest that was committed tells which way is the right one. It is a sum over all clicks, so it
shows whether clicks that were changed, added or lost are the whole damage.
"""

from collections import defaultdict
from collections.abc import Callable, Collection, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product

from archiver.identity import FACT_FIELDS, Facts, bases_of, content_of, digest_of, facts_of
from archiver.model import CLICK_FIELDS, CLICK_ID, CLICKED_AT_SOURCE, Row

_MODULUS = 1 << 128
_LINK_ID, _LINK = CLICK_FIELDS.index("link_id"), CLICK_FIELDS.index("link")
_OF_LINK = frozenset(map(CLICK_FIELDS.index, ("destination", "title", "group")))
_OWN = frozenset(map(CLICK_FIELDS.index, ("clicked_at_source", *FACT_FIELDS)))


@dataclass(frozen=True, slots=True)
class Mended:
    """What a day should hold: what stays of the stored clicks, in their order, then what came.

    `origins` says of each row at which place it stood among the stored ones; None for what came.
    """

    rows: list[Row]
    origins: list[int | None]
    came: list[Row]  # clicks that weren't stored
    set_aside: list[Row]  # stored ones that it holds no more
    replaced: int  # how many of those have a version of the service's in their place
    not_given: list[Row]  # stored ones that stay though the service didn't give them
    as_committed: bool  # the digest shows that it is what was committed, and what came late


def mend(
    stored: Sequence[Row],
    latest: Sequence[Facts],
    fetched: Sequence[Row],
    committed: tuple[int, str] | None,
) -> Mended:
    """Find what a day should hold.

    `latest` are the facts of the stored clicks as they were last seen, in their order; `committed`
    is the number of clicks and the digest in the ledger, None where it knows nothing of the day.

    Stored clicks stay as they are where that gives the committed digest. Otherwise their own facts
    become the service's, or all of them that the service has otherwise: a link may have another
    title by now. Those that the service doesn't give stay, unless the digest shows that they were
    never committed. Where no way gives the digest, the facts become the service's.
    """
    partners, came = _paired(stored, latest, fetched)
    facts_replaced, all_replaced = list(stored), list(stored)
    for place, partner in enumerate(partners):
        if partner is not None:
            all_replaced[place] = partner
            if _differs(stored[place], latest[place], partner):
                facts_replaced[place] = _with_facts(stored[place], partner)
    doubled = _doubled(stored, partners)
    unmatched = [place for place, partner in enumerate(partners) if partner is None]
    single = [place for place in unmatched if place not in doubled]
    for rows, coming in product(
        (list(stored), facts_replaced, all_replaced), (came, _as_then(came, stored))
    ):
        kept = {place: row for place, row in enumerate(rows) if place not in doubled}
        foreign = _never_committed(kept, single, coming, committed)
        if foreign is not None:
            gone = doubled.union(foreign)
            return _mended(stored, rows, unmatched, coming, gone, as_committed=True)
    return _mended(stored, facts_replaced, unmatched, came, doubled, as_committed=False)


def _mended(
    stored: Sequence[Row],
    rows: Sequence[Row],
    unmatched: Collection[int],
    came: list[Row],
    gone: Collection[int],
    *,
    as_committed: bool,
) -> Mended:
    stay = [place for place in range(len(stored)) if place not in gone]
    replaced = [place for place in stay if rows[place] != stored[place]]
    return Mended(
        rows=[*(rows[place] for place in stay), *came],
        origins=[*stay, *([None] * len(came))],
        came=came,
        set_aside=[stored[place] for place in sorted([*gone, *replaced])],
        replaced=len(replaced),
        not_given=[stored[place] for place in unmatched if place not in gone],
        as_committed=as_committed,
    )


def _never_committed(
    rows: Mapping[int, Row],
    unmatched: Collection[int],
    came: Sequence[Row],
    committed: tuple[int, str] | None,
) -> Collection[int] | None:
    """Which of the unmatched rows the day must be without to be what was committed.

    None of them, a single one, or all; None where no such choice gives the committed digest. What
    came may have been lost, or be late: then it wasn't committed. All, none, or all but one were.
    """
    if committed is None:
        return None
    hashes = {place: digest_of([row]) for place, row in rows.items()}
    places = {hashes[place]: place for place in unmatched}
    all_alone = sum(hashes[place] for place in unmatched) % _MODULUS
    count, digest = committed
    for lost, lost_digest in _losses(came):
        surplus = len(rows) + lost - count
        rest = (sum(hashes.values()) + lost_digest - int(digest, 16)) % _MODULUS
        if rest == 0:  # whatever the count says: that may have been edited
            return ()
        if (surplus, rest) == (len(unmatched), all_alone):
            return unmatched
        if surplus == 1 and rest in places:
            return (places[rest],)
    return None


def _losses(came: Sequence[Row]) -> Iterator[tuple[int, int]]:
    """How many of the clicks that came may have been committed, and their digest."""
    hashes = [digest_of([row]) for row in came]
    yield len(came), sum(hashes)
    yield 0, 0
    for late in hashes:
        yield len(came) - 1, sum(hashes) - late


def _as_then(came: Sequence[Row], stored: Sequence[Row]) -> list[Row]:
    """The clicks that came, with what their links were called when the day was stored."""
    then = {_link_of(row): row for row in reversed(stored)}
    return [
        tuple(
            theirs if place in _OF_LINK else ours
            for place, (ours, theirs) in enumerate(zip(row, then[_link_of(row)], strict=True))
        )
        if _link_of(row) in then
        else row
        for row in came
    ]


def _link_of(row: Row) -> tuple[object, ...]:
    return row[_LINK_ID], row[_LINK]


def _doubled(stored: Sequence[Row], partners: Sequence[Row | None]) -> frozenset[int]:
    """Stored clicks with the id and the time of another one: no slice has that."""
    first: dict[str, int] = {}
    doubled = []
    for place in sorted(range(len(stored)), key=lambda place: partners[place] is None):
        if stored[place][CLICK_ID] is not None:
            base = bases_of([stored[place]])[0]
            if first.setdefault(base, place) != place:
                doubled.append(place)
    return frozenset(doubled)


def _paired(
    stored: Sequence[Row], latest: Sequence[Facts], fetched: Sequence[Row]
) -> tuple[list[Row | None], list[Row]]:
    """The service's version of each stored click, and the clicks that aren't stored.

    Among the alike in identity, equals go together, then those of the same facts, then any.
    """
    partners: list[Row | None] = [None] * len(stored)
    places: defaultdict[str, list[int]] = defaultdict(list)
    for place, base in enumerate(bases_of(stored)):
        places[base].append(place)
    alike_fetched: defaultdict[str, list[Row]] = defaultdict(list)
    for base, row in zip(bases_of(fetched), fetched, strict=True):
        alike_fetched[base].append(row)
    came: list[Row] = []
    for base, rows in alike_fetched.items():
        left = sorted(rows, key=content_of)
        for of_stored, of_fetched in (
            (lambda place: stored[place], lambda row: row),
            (lambda place: (stored[place][CLICKED_AT_SOURCE], latest[place]), _own),
            (lambda _: None, lambda _: None),
        ):
            left = _matched(places[base], of_stored, left, of_fetched, partners)
        came += left
    return partners, came


def _own(row: Row) -> tuple[str, Facts]:
    return row[CLICKED_AT_SOURCE], facts_of(row)


def _matched(
    places: Sequence[int],
    of_stored: Callable[[int], Hashable],
    rows: Sequence[Row],
    of_fetched: Callable[[Row], Hashable],
    partners: list[Row | None],
) -> list[Row]:
    """Give each row a place that has none yet and is equal in a respect; give those left over."""
    free: defaultdict[Hashable, list[int]] = defaultdict(list)
    for place in reversed(places):
        if partners[place] is None:
            free[of_stored(place)].append(place)
    left = []
    for row in rows:
        if free[of_fetched(row)]:
            partners[free[of_fetched(row)].pop()] = row
        else:
            left.append(row)
    return left


def _differs(row: Row, latest: Facts, partner: Row) -> bool:
    """Whether a stored click isn't, or wasn't, as the service says: its time's text, its facts."""
    return (
        facts_of(partner) not in (latest, facts_of(row))
        or partner[CLICKED_AT_SOURCE] != row[CLICKED_AT_SOURCE]
    )


def _with_facts(row: Row, partner: Row) -> Row:
    """A stored click with the service's facts; what belongs to the link stays as it was then."""
    return tuple(
        theirs if place in _OWN else ours
        for place, (ours, theirs) in enumerate(zip(row, partner, strict=True))
    )
