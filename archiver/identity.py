"""When two records are one click, and what becomes of a click that comes back changed.

With an id from the service, the time and the id are the identity. Without one it is a hash of
what can't change about the event, and the click's number among those alike: real services record
three identical clicks within a second, and a set would lose two of them.

Title, group and destination belong to the link, and country, uniqueness, conversion and unknown
fields can come later: they are no part of identity.
"""

from collections import defaultdict, deque
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from operator import itemgetter
from typing import Any, TypeAlias

import orjson

from archiver.model import CLICK_FIELDS, CLICK_ID, CLICKED_AT, Row

Facts: TypeAlias = tuple[Any, ...]
Known: TypeAlias = Mapping[str, Facts]  # the stored clicks of a window: key -> latest facts

#: A click's own facts, in this order: where one of them changes, the click has a revision.
#: Unknown fields are none of them: one that changes by itself would make a revision each run.
FACT_FIELDS = (
    "link_id",
    "ip",
    "country",
    "referrer",
    "user_agent",
    "is_unique",
    "conversion",
)
facts_of = itemgetter(*map(CLICK_FIELDS.index, FACT_FIELDS))

_event_of = itemgetter(*map(CLICK_FIELDS.index, ("clicked_at", "ip", "referrer", "user_agent")))
_link_id_of = itemgetter(CLICK_FIELDS.index("link_id"))
_link_of = itemgetter(CLICK_FIELDS.index("link"))

_ID = "id:"
_EVENT = "event:"


@dataclass(frozen=True, slots=True)
class Reconciled:
    """A slice held against what is stored: the rows to add, their keys, and what changed.

    `vanished` are the keys of stored clicks that the slice doesn't have.
    """

    new: list[Row] = field(default_factory=list)
    new_keys: list[str] = field(default_factory=list)
    revised: dict[str, Row] = field(default_factory=dict)
    vanished: list[str] = field(default_factory=list)


def content_of(row: Row) -> bytes:
    """All of a stored click as canonical bytes: for digests, and for ties in an order."""
    return orjson.dumps(row)


def digest_of(rows: Iterable[Row]) -> int:
    """The sum, modulo 2**128, of a 128-bit hash of each click: the order doesn't matter."""
    hashes = (blake2b(orjson.dumps(row), digest_size=16).digest() for row in rows)
    return sum(map(int.from_bytes, hashes)) % (1 << 128)


def keys_of(rows: Sequence[Row]) -> list[str]:
    """The key of each stored row: `id:<time>:<id>`, or `event:<hash>:<number among the alike>`.

    The rows stand in the order in which they were stored; so the numbers come out as they were
    given.
    """
    return _numbered(bases_of(rows))


def bases_of(rows: Iterable[Row]) -> list[str]:
    """What each row's key has in common with those of the rows that are alike in identity."""
    return [
        _event_base(row) if row[CLICK_ID] is None else f"{_ID}{row[CLICKED_AT]}:{row[CLICK_ID]}"
        for row in rows
    ]


def keys_kept(rows: Sequence[Row], wanted: Sequence[str | None]) -> list[str]:
    """Keys as `keys_of` gives them, but each row has the wanted one where it is among them.

    So a click keeps its number among the alike, and with it its revisions, when others go. No id
    is twice among the rows at one time.
    """
    given = keys_of(rows)
    free = dict.fromkeys(given)
    kept: list[str | None] = [None] * len(given)
    for place, (key, wish) in enumerate(zip(given, wanted, strict=True)):
        if wish in free and base_of_key(wish) == base_of_key(key):
            del free[wish]
            kept[place] = wish
    left: defaultdict[str, deque[str]] = defaultdict(deque)
    for key in free:
        left[base_of_key(key)].append(key)
    return [
        left[base_of_key(key)].popleft() if wish is None else wish
        for key, wish in zip(given, kept, strict=True)
    ]


def misnamed(rows: Sequence[Row], keys: Sequence[str]) -> int:
    """How many of the stored keys aren't their rows' own. All alike rows must be there.

    Which of them has which number doesn't matter.
    """
    given = keys_of(rows)
    if given == keys:
        return 0
    possible = set(given)
    return sum(
        key not in possible or base_of_key(key) != base_of_key(own)
        for key, own in zip(keys, given, strict=True)
    )


def speaks_of_ids(keys: Iterable[str]) -> set[bool]:
    """Whether keys are from the service's ids (True), from hashes (False), both, or none."""
    return {key.startswith(_ID) for key in keys}


def moved_ids(known: Known, new: Sequence[Row]) -> set[str]:
    """The ids of new clicks that are stored with another time."""
    if not known or not new:
        return set()
    stored = {click_id for key in known if (click_id := _id_of_key(key)) is not None}
    return stored and stored.intersection(row[CLICK_ID] for row in new)


def without_ids(keys: Iterable[str], ids: Collection[str]) -> list[str]:
    """The keys that aren't of these ids."""
    return [key for key in keys if _id_of_key(key) not in ids]


def reconcile(known: Known, rows: Sequence[Row]) -> Reconciled:
    """Find what a slice adds to the stored clicks of its window, and which of them it changes.

    Of clicks alike in identity, those with the facts of a stored one are that one; the others are
    taken for changed ones, as far as there are stored ones left, and then for new ones. So the
    larger multiplicity is kept, and the same slice a second time changes nothing.
    """
    bases = bases_of(rows)
    rows, keys = _alike_by_content(rows, bases), _numbered(bases)
    if not known:
        return Reconciled(rows, keys)
    fetched = dict(zip(keys, map(facts_of, rows), strict=True))
    if fetched == known:
        return Reconciled()
    # Alike ones are looked at together, but only where anything about any of them is different.
    different = {
        base_of_key(key)
        for key in known.keys() | fetched.keys()
        if known.get(key) != fetched.get(key)
    }
    alike_known: defaultdict[str, dict[str, Facts]] = defaultdict(dict)
    for key, facts in known.items():
        if (base := base_of_key(key)) in different:
            alike_known[base][key] = facts
    alike_rows: defaultdict[str, list[Row]] = defaultdict(list)
    for key, row in zip(keys, rows, strict=True):
        if (base := base_of_key(key)) in different:
            alike_rows[base].append(row)
    result = Reconciled()
    for base, alike in alike_rows.items():
        stored = alike_known.pop(base, {})
        added = _match(stored, alike, result)
        result.new.extend(added)
        result.new_keys.extend(
            key_of(base, number) for number in range(len(stored) + 1, len(stored) + len(added) + 1)
        )
    result.vanished.extend(key for stored in alike_known.values() for key in stored)
    return result


def _match(stored: Known, alike: list[Row], result: Reconciled) -> list[Row]:
    """Pair the alike rows with stored ones; note the changed pairs and the stored ones left over.

    Gives the rows left over.
    """
    unseen = dict(stored)
    changed = []
    for row in alike:
        facts = facts_of(row)
        same = next((key for key, stored_facts in unseen.items() if stored_facts == facts), None)
        if same is None:
            changed.append(row)
        else:
            del unseen[same]
    pairs = list(zip(unseen, changed, strict=False))
    result.revised.update(pairs)
    result.vanished.extend(list(unseen)[len(pairs) :])
    return changed[len(pairs) :]


def _alike_by_content(rows: Sequence[Row], bases: Sequence[str]) -> list[Row]:
    """The rows, but those of the same base in the order of their content, not the service's."""
    ordered = list(rows)
    if len(set(bases)) == len(bases):
        return ordered
    places: defaultdict[str, list[int]] = defaultdict(list)
    for place, base in enumerate(bases):
        places[base].append(place)
    for alike in places.values():
        if len(alike) > 1:
            in_order = sorted((rows[place] for place in alike), key=content_of)
            for place, row in zip(alike, in_order, strict=True):
                ordered[place] = row
    return ordered


def _event_base(row: Row) -> str:
    event = (*_event_of(row), _link_id_of(row) or _link_of(row))
    return f"{_EVENT}{blake2b(orjson.dumps(event), digest_size=16).hexdigest()}"


def _numbered(bases: Sequence[str]) -> list[str]:
    """The keys of rows of these bases, in their order."""
    counts: defaultdict[str, int] = defaultdict(int)
    keys = []
    for base in bases:
        if base.startswith(_ID):
            keys.append(base)
        else:
            counts[base] += 1
            keys.append(key_of(base, counts[base]))
    return keys


def key_of(base: str, number: int) -> str:
    """The key of a row of this base, and with this number among the alike."""
    return base if base.startswith(_ID) else f"{base}:{number}"


def _id_of_key(key: str) -> str | None:
    return key.split(":", 4)[-1] if key.startswith(_ID) else None


def base_of_key(key: str) -> str:
    """What `bases_of` gives for the row of a key."""
    return key if key.startswith(_ID) else key.rpartition(":")[0]
