"""Records that can't be understood: what is kept of them, and when two of them are one. Pure.

Such a record is kept as text, so that nothing is lost and its slice can be covered. It has no
time that could be relied on, and so its identity is its content: with an id, wherever it comes
again; without one, within a day, its own or else that of the slice that it came in. So neither
the lookback nor slices that are cut differently make it a new one, even where the service gives
it with each of them. Alike ones of one slice are numbered, as alike clicks are.
"""

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from hashlib import blake2b
from operator import attrgetter
from typing import Any

from archiver.errors import WindowError
from archiver.model import Rejected, Window
from archiver.privacy import Treatment, treated_strings, treated_value
from archiver.timestamps import format_utc

# What belongs to the link and not to the event: renaming a link makes no new record.
_OF_LINK = ("external_url", "title", "group")


def rejected(
    record: Mapping[str, Any],
    reason: str,
    *,
    names: Mapping[str, str],
    treat: Treatment | None,
    clicked_at: str | None,
    position: int,
) -> Rejected:
    """What is kept of a record. `names` are the service's names of the contract's fields.

    Raises WindowError where it is nested too deep to be written as text at all.
    """
    stated = {name: value for name, value in record.items() if value is not None and value != ""}
    click_id = stated.get(names["id"])
    try:
        if treat is not None:
            for name in address_names(names) & stated.keys():
                stated[name] = treated_value(stated[name], treat)
        text = _as_json(stated)
        if treat is not None:
            text = treated_strings(text, treat)
        event = event_of(text, names)
    except RecursionError:
        raise WindowError("a record has values nested too deep to be kept") from None
    return Rejected(
        reason=reason,
        text=text,
        event=event,
        id=click_id if isinstance(click_id, str) else None,
        clicked_at=clicked_at,
        position=position,
    )


def event_of(text: str, names: Mapping[str, str]) -> str:
    """What tells a record apart, from the text that is kept of it: a hash of all but its link's.

    `names` are the service's names of fields, where they aren't the contract's. Raises ValueError
    or TypeError where the text is no record's.
    """
    record = json.loads(text)
    if not isinstance(record, dict):
        raise TypeError("a record is an object")
    of_link = {names.get(field, field) for field in _OF_LINK}
    event = {name: value for name, value in record.items() if name not in of_link}
    return blake2b(_as_json(event).encode(), digest_size=16).hexdigest()


def address_names(names: Mapping[str, str]) -> set[str]:
    """The fields that hold addresses: the account's own and, unless it means another, `ip`."""
    return {names["ip"]} | ({"ip"} - set(names.values()))


def keys_of_rejected(
    records: Sequence[Rejected], window: Window
) -> list[tuple[Rejected, str, int]]:
    """Each record of a slice with its key and its number among those of the same key."""
    day = format_utc(window.start)[:10]
    counts: defaultdict[str, int] = defaultdict(int)
    keyed = []
    for record in sorted(records, key=attrgetter("text")):
        scope = "id" if record.id is not None else (record.clicked_at or day)[:10]
        key = f"{scope}:{record.event}"
        counts[key] += 1
        keyed.append((record, key, counts[key]))
    return keyed


def _as_json(value: Mapping[str, Any]) -> str:
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
