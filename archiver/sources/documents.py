"""Bytes to a document, JSON or XML: whole, at a cost that is known beforehand, nothing dropped.

Both parsers raise ValueError, which says why, for whatever isn't a whole document; and
WindowError for one that is too large to be taken apart.
"""

import json
import re
from typing import Any, NoReturn
from xml.etree import ElementTree as ET
from xml.parsers import expat

from archiver.errors import WindowError

#: What the parts of a large answer may be: objects, elements and attributes; and pieces of text,
#: since each line and each reference is one in XML. A page of 1,000 clicks has some 20,000.
MAX_PARTS = 250_000
MAX_PIECES = 1_000_000
#: An answer up to this size is taken apart whatever it is made of: 100 times as much, at most.
UNCOUNTED_BYTES = 1024 * 1024
#: The tag of an element holds its namespace whole: a long one would multiply.
MAX_NAMESPACE = 100

_MARKS_AND_BLANKS = b"\xef\xbb\xbf\xfe\xff \t\r\n"
_ENCODING = re.compile(
    r"utf-?8|utf-?16|(us-)?ascii|(iso-?8859|latin|windows|cp)[-_]?\d+|koi8-[ru]", re.IGNORECASE
)
_ESCAPED_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")
_SURROGATE = re.compile("[\ud800-\udfff]")
_SURROGATES = re.compile("[\ud800-\udbff][\udc00-\udfff]")


def parse_json(body: bytes) -> Any:
    """Read JSON in any encoding of Unicode.

    A number is the text that was written: 1.10 stays 1.10. A lone surrogate becomes U+FFFD. A
    key given twice is an error, for of two values neither can be believed.
    """
    refuse_many_parts(body)
    encoding = json.detect_encoding(body)
    try:
        text, well_formed = body.decode(encoding), True
    except UnicodeDecodeError:
        text, well_formed = body.decode(encoding, "surrogatepass"), False
    try:
        document = _decoder.decode(text)
        if not well_formed or ("\\" in text and _ESCAPED_SURROGATE.search(text)):
            document = _without_surrogates(document)
    except RecursionError:
        raise ValueError("it is nested too deep") from None
    return document


def refuse_many_parts(body: bytes) -> None:
    """Raise WindowError for a JSON document that takes too much memory when taken apart."""
    _refuse_many(body, b",[{", MAX_PARTS)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("an object has a key twice")
    return found


def _refuse_constant(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no JSON")


_decoder = json.JSONDecoder(
    parse_int=str, parse_float=str, parse_constant=_refuse_constant, object_pairs_hook=_object
)


def _joined(pair: re.Match[str]) -> str:
    return pair[0].encode("utf-16", "surrogatepass").decode("utf-16")


def _without_surrogates(value: Any) -> Any:
    """A lone surrogate isn't text and can't be stored: U+FFFD stands in its place."""
    if isinstance(value, str):
        return _SURROGATE.sub("\ufffd", _SURROGATES.sub(_joined, value))
    if isinstance(value, dict):
        return _object(
            [(_without_surrogates(k), _without_surrogates(v)) for k, v in value.items()]
        )
    if isinstance(value, list):
        return [_without_surrogates(item) for item in value]
    return value


def parse_xml(body: bytes) -> ET.Element:
    """Read XML in any encoding that it declares. It may have no document type."""
    _refuse_many(body, b"<\"'", MAX_PARTS)
    _refuse_many(body, b"&\n\r", MAX_PIECES)
    try:
        _refuse_harmful(body)
        return ET.fromstring(body)  # noqa: S314 - no doctype, and so no entities
    except (ET.ParseError, expat.ExpatError) as error:
        raise ValueError(str(error)) from None
    except LookupError:
        raise ValueError("its encoding is unknown") from None


class _RootReached(Exception):  # noqa: N818 - a signal that all is well
    pass


def _refuse_harmful(body: bytes) -> None:
    """Refuse what becomes much of little: a document type's entities, and long namespaces.

    And encodings that are none of text as services write it, of which Python knows many. All of
    it can only stand before the root, but for namespaces: where nothing speaks of them, nothing
    after the root's beginning is read.
    """

    def refuse_other_encodings(_: object, encoding: str | None, *__: object) -> None:
        if encoding and not _ENCODING.fullmatch(encoding):
            raise ValueError("its encoding is unknown")

    def refuse_doctype(*_: object) -> None:
        raise ValueError("it has a document type")

    def refuse_long(_: object, uri: str | None) -> None:
        if uri and len(uri) > MAX_NAMESPACE:
            raise ValueError(f"it has a namespace of more than {MAX_NAMESPACE} characters")

    def reached(*_: object) -> None:
        raise _RootReached

    parser = expat.ParserCreate(namespace_separator="}")
    parser.XmlDeclHandler = refuse_other_encodings
    parser.StartDoctypeDeclHandler = refuse_doctype
    parser.StartNamespaceDeclHandler = refuse_long
    if not _mentions_namespaces(body):
        parser.StartElementHandler = reached
    try:
        parser.Parse(body, True)
    except _RootReached:
        return


def _mentions_namespaces(body: bytes) -> bool:
    narrow = body.replace(b"\0", b"") if b"\0" in body else body  # UTF-16
    return b"xmlns" in narrow


def head_of(body: bytes) -> bytes:
    """What a body begins with, whatever the encoding of Unicode and the blanks before it."""
    return body[:256].replace(b"\0", b"").lstrip(_MARKS_AND_BLANKS)


def is_plain_text(head: bytes) -> bool:
    """Whether a body that begins so is neither empty nor XML nor HTML nor JSON."""
    return head[:1] not in (b"", b"<", b"{", b"[", b'"')


def _refuse_many(body: bytes, marks: bytes, limit: int) -> None:
    """Refuse a large body with more of these characters, all in all: parts need memory each."""
    if len(body) <= UNCOUNTED_BYTES:
        return
    if sum(body.count(mark) for mark in marks) > limit:
        raise WindowError(
            f"the service's answer has more than {limit:,} parts. Lower the account's page_size"
        )
