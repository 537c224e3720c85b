"""A Linktrack answer taken apart: XML or JSON bytes to what it states and its records.

Both forms give the same: text or None for each field of a record, numbers as the service wrote
them. Whatever isn't a whole document of the right shape raises WindowError: an HTML page, half a
document or a text with status 200 must never pass for "no clicks".
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NoReturn
from xml.etree import ElementTree as ET
from xml.parsers import expat

from archiver.errors import WindowError

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
        raise WindowError(f"the service's answer has no {list_name}")
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
        raise WindowError(f"the service's answer has no number as its {name}")
    return int(text)


def _not_whole(form: str, reason: object) -> WindowError:
    return WindowError(
        f"the service's answer isn't a whole {form} document ({reason}). If it answers so each "
        "time, check the account's base_url and format"
    )


Stated = tuple[Mapping[str, Any], Sequence[Mapping[str, Any]] | None]


def _parse_json(body: bytes, list_name: str) -> Stated:
    try:
        text = body.decode(json.detect_encoding(body), "surrogatepass")
        # Numbers stay as they are written: JSON and XML give the same text, and 1.10 stays 1.10.
        document = json.loads(text, parse_int=str, parse_float=str, parse_constant=_refuse)
        if _may_hold_surrogates(text):
            document = _without_surrogates(document)
    except (ValueError, RecursionError) as error:
        raise _not_whole("JSON", error) from None
    if not isinstance(document, dict):
        raise _not_whole("JSON", "not an object")
    records = document.get(list_name)
    if records is None:
        return document, None
    if not isinstance(records, list) or not all(type(record) is dict for record in records):
        raise WindowError(f"the service's answer has something else than records as {list_name}")
    return document, records


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no JSON")


def _may_hold_surrogates(text: str) -> bool:
    """Whether JSON text holds surrogates: escaped, or written as if they were characters."""
    if "\\ud" in text or "\\uD" in text:
        return True
    try:
        text.encode()
    except UnicodeEncodeError:
        return True
    return False


def _without_surrogates(value: Any) -> Any:
    """A lone surrogate isn't text and can't be stored: U+FFFD stands in its place."""
    if isinstance(value, str):
        if value.isascii():
            return value
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(value, dict):
        return {_without_surrogates(key): _without_surrogates(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_without_surrogates(item) for item in value]
    return value


def _parse_xml(body: bytes, list_name: str) -> Stated:
    try:
        _refuse_doctype(body)
        root = ET.fromstring(body)  # noqa: S314 - no doctype, and so no entities
    except (ET.ParseError, expat.ExpatError, ValueError, LookupError) as error:
        raise _not_whole("XML", error) from None
    if root.tag != "response":
        raise _not_whole("XML", "its root isn't <response>")
    lists = root.findall(list_name)
    stated = {child.tag: child.text for child in root if child.tag != list_name}
    if len(stated) + len(lists) != len(root):
        raise WindowError("the service's answer states something twice")
    if not lists:
        return stated, None
    if len(lists) > 1:
        raise WindowError(f"the service's answer has {list_name} more than once")
    if _has_text(lists[0]):
        raise WindowError(f"the service's answer has text where {list_name} should be")
    try:
        return stated, [_record(element) for element in lists[0]]
    except RecursionError as error:
        raise _not_whole("XML", error) from None


def _has_text(element: ET.Element) -> bool:
    """Whether more than blanks stand between an element's children, or in place of them."""
    return any(not text.isspace() for text in _texts(element))


def _texts(element: ET.Element) -> Iterator[str]:
    return filter(None, (element.text, *(child.tail for child in element)))


def _record(element: ET.Element) -> Mapping[str, Any]:
    if element.tag != "record":
        raise WindowError("the service's answer has something else where a record should be")
    record = {child.tag: child.text for child in element}
    if len(record) == len(element) and not any(map(len, element)):
        return record
    return _nested(element)


def _nested(element: ET.Element) -> dict[str, Any]:
    """An element's children as JSON would have them.

    Those that come again are a list, one that has children is an object: in a field that is to
    hold a text, neither can be understood.
    """
    values: dict[str, list[Any]] = {}
    if _has_text(element):
        values["#text"] = ["".join(_texts(element))]
    for child in element:
        values.setdefault(child.tag, []).append(_nested(child) if len(child) else child.text)
    return {tag: all_ if len(all_) > 1 else all_[0] for tag, all_ in values.items()}


class _RootReached(Exception):  # noqa: N818 - a signal that all is well
    pass


def _refuse_doctype(body: bytes) -> None:
    """Refuse a document type, the way in for entities that swell, whatever the encoding.

    It can only stand before the root: so nothing after the root's beginning is read.
    """

    def refuse(*_: object) -> None:
        raise ValueError("it has a document type")

    def reached(*_: object) -> None:
        raise _RootReached

    parser = expat.ParserCreate()
    parser.StartDoctypeDeclHandler = refuse
    parser.StartElementHandler = reached
    try:
        parser.Parse(body, True)
    except _RootReached:
        return
