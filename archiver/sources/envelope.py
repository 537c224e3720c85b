"""A Linktrack answer taken apart: XML or JSON bytes to what it states and its records.

Both forms give the same: text or None for each field of a record, numbers as the service wrote
them. Whatever isn't a whole document of the right shape raises WindowError: an HTML page, half a
document or a text with status 200 must never pass for "no clicks".
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Any, Literal
from xml.etree import ElementTree as ET

from archiver.errors import WindowError
from archiver.sources.documents import parse_json, parse_xml
from archiver.sources.tables import Table, read_json_table

_NO_ERROR = frozenset({"", "0", "00", "0.0", "false", "none", "null"})


@dataclass(frozen=True, slots=True)
class Envelope:
    """What an answer states, and its records. Numbers are None where they aren't stated."""

    error: bool
    message: str
    total: int | None
    limit: int | None
    offset: int | None
    records: Sequence[Mapping[str, Any]]


def parse_envelope(body: bytes, form: Literal["xml", "json"], list_name: str) -> Envelope:
    """Read an answer whose records stand under `list_name`."""
    stated, records = (_parse_xml if form == "xml" else _parse_json)(body, list_name)
    error = str(stated.get("error") or "").strip().lower() not in _NO_ERROR
    if records is None and not error:
        raise _unfit(f"the service's answer has no {list_name}")
    return Envelope(
        error=error,
        message=str(stated.get("msg") or ""),
        total=_count(stated, "total"),
        limit=_count(stated, "limit"),
        offset=_count(stated, "offset"),
        records=records or [],
    )


def _count(stated: Mapping[str, Any], name: str) -> int | None:
    text = stated.get(name)
    if text is None or text == "":
        return None
    if not (isinstance(text, str) and text.isascii() and text.isdigit() and len(text) < 19):
        raise _unfit(f"the service's answer has no number as its {name}")
    return int(text)


def _unfit(reason: str) -> WindowError:
    return WindowError(
        f"{reason}. If it answers so each time, check the account's base_url and format"
    )


def _not_whole(form: str, reason: object) -> WindowError:
    return _unfit(f"the service's answer isn't a whole {form} document ({reason})")


Stated = tuple[Mapping[str, Any], Sequence[Mapping[str, Any]] | None]


def _parse_json(body: bytes, list_name: str) -> Stated:
    table = read_json_table(body, list_name)
    if table:
        return table
    try:
        document = parse_json(body)
    except ValueError as error:
        raise _not_whole("JSON", error) from None
    if not isinstance(document, dict):
        raise _not_whole("JSON", "not an object")
    records = document.get(list_name)
    if records is None:
        return document, None
    if not isinstance(records, list) or not all(type(record) is dict for record in records):
        raise _unfit(f"the service's answer has something else than records as {list_name}")
    return document, records


def _parse_xml(body: bytes, list_name: str) -> Stated:
    try:
        root = parse_xml(body)
    except ValueError as error:
        raise _not_whole("XML", error) from None
    if root.tag != "response":
        raise _not_whole("XML", "its root isn't <response>")
    if _has_text([root.text, *map(_tail_of, root)]):
        raise _unfit("the service's answer has text beside what it states")
    lists = root.findall(list_name)
    stated = {child.tag: _all_text(child) for child in root if child.tag != list_name}
    if len(stated) + len(lists) != len(root):
        raise _unfit("the service's answer states something twice")
    if not lists:
        return stated, None
    if len(lists) > 1:
        raise _unfit(f"the service's answer has {list_name} more than once")
    try:
        return stated, _records(lists[0])
    except RecursionError as error:
        raise _not_whole("XML", error) from None


_tag_of, _text_of, _tail_of = map(attrgetter, ("tag", "text", "tail"))


def _has_text(texts: Iterable[str | None]) -> bool:
    """Whether more than blanks stand between elements, or in place of them."""
    return any(text is not None and not text.isspace() for text in texts)


def _all_text(element: ET.Element) -> str | None:
    return "".join(element.itertext()) if len(element) else element.text


def _records(history: ET.Element) -> Sequence[Mapping[str, Any]]:
    """The records of a list: the text of each field. What else there is mustn't be lost."""
    if any(record.tag != "record" for record in history):
        raise _unfit("the service's answer has something else where a record should be")
    if _has_text([history.text, *map(_tail_of, history)]):
        raise _unfit("the service's answer has text between its records")
    elements = list(history.iter())[1:]
    is_flat = len(elements) == len(history) + sum(map(len, history))
    within = {record.text for record in history}.union(map(_tail_of, elements))
    if not is_flat or _has_text(within) or any(map(ET.Element.keys, elements)):
        return list(map(_nested, history))
    return _table(history, elements) or list(map(_nested, history))


def _table(history: ET.Element, elements: Sequence[ET.Element]) -> Table | None:
    """Flat records as a table, where they have the same fields in the same order."""
    tags = list(map(_tag_of, elements))
    names = tags[1 : 1 + len(history[0])] if len(history) else []
    of_record = ["record", *names]
    if not names or len({*of_record}) < len(of_record) or tags != of_record * len(history):
        return None
    texts = list(map(_text_of, elements))
    return Table(names, [texts[place :: len(of_record)] for place in range(1, len(of_record))])


def _nested(element: ET.Element) -> dict[str, Any]:
    """An element's children as JSON would have them.

    Those that come again are a list, one that has children is an object: in a field that is to
    hold a text, neither can be understood.
    """
    values: dict[str, list[Any]] = {}
    texts = [element.text, *map(_tail_of, element)]
    if _has_text(texts):
        values["#text"] = ["".join(filter(None, texts))]
    for child in element:
        values.setdefault(child.tag, []).append(_nested(child) if len(child) else child.text)
    found = {tag: all_ if len(all_) > 1 else all_[0] for tag, all_ in values.items()}
    return {**found, **_attributes(element)}


def _attributes(element: ET.Element) -> Mapping[str, str]:
    """A record's attributes, as `@name`, and its fields', as `field@name`: fields like any other.

    No element can have such a name.
    """
    found = {f"@{name}": value for name, value in element.items()}
    for field in element:
        found.update((f"{field.tag}@{name}", value) for name, value in field.items())
    return found
