"""Answers as the contract writes them, in XML and JSON.

They are made as strings, not as trees: a page of 1,000 clicks has to cost a few milliseconds.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence

import orjson
from flask import Response

# Everything outside XML 1.0's production `Char`, lone surrogates included.
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")

Row = Sequence[str]


class ApiError(Exception):
    """A request that is answered with an error: its HTTP status and its text for people."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message


def xml_safe(text: str) -> str:
    """The text with U+FFFD for each character that XML 1.0 can't hold."""
    # What is printable holds none of those, and asking is ten times cheaper than the pattern.
    return text if text.isprintable() else _NOT_XML.sub("\ufffd", text)


def list_answer(
    form: str, head: Mapping[str, int], name: str, fields: Sequence[str], rows: Sequence[Row]
) -> Response:
    """A page of records.

    `form` is `xml` or `json`; `head` holds `total`, `limit` and `offset`, or those of them that
    are stated; `name` is the list's name. Each row has one text per field; an empty one is no
    value.
    """
    if form == "json":
        records = [
            dict(zip(fields, [value or None for value in row], strict=True)) for row in rows
        ]
        return json_answer({"error": 0, "msg": "", **head, name: records}, 200)
    stated = "".join(f"<{key}>{value}</{key}>" for key, value in head.items())
    return _xml(
        [f"<error>0</error><msg/>{stated}<{name}>", *_xml_records(fields, rows), f"</{name}>"], 200
    )


def error_answer(form: str, error: ApiError) -> Response:
    """An error in the asked format."""
    if form == "json":
        return json_answer({"error": 1, "msg": error.message}, error.status)
    return _xml([f"<error>1</error><msg>{_escaped(error.message)}</msg>"], error.status)


def json_answer(envelope: Mapping[str, object], status: int) -> Response:
    return Response(orjson.dumps(envelope), status, mimetype="application/json")


def text_answer(text: str, status: int) -> Response:
    return Response(text, status, mimetype="text/plain")


def text_error_answer(error: ApiError, status: int) -> Response:
    """An error as makeLink has it, and the dialect `legacy-errors` everywhere."""
    return text_answer(f"Error: {error.message}", status)


def _xml(parts: Iterable[str], status: int) -> Response:
    # Encoded part by part: one emoji would make four bytes a character of a text of all of them.
    content = b"".join([part.encode() for part in parts])
    return Response(b"<response>%b</response>" % content, status, mimetype="text/xml")


def _xml_records(fields: Sequence[str], rows: Sequence[Row]) -> Iterator[str]:
    tags = [(f"<{field}>", f"</{field}>", f"<{field}/>") for field in fields]
    for row in rows:
        values = [
            f"{opening}{_escaped(value)}{closing}" if value else empty
            for (opening, closing, empty), value in zip(tags, row, strict=True)
        ]
        yield f"<record>{''.join(values)}</record>"


def _escaped(text: str) -> str:
    # A CR that isn't written as a reference is read as LF, and `]]>` isn't allowed in text.
    return (
        text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace("\r", "&#13;")
    )
