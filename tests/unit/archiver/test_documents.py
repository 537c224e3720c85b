"""Bytes to a document: what it may cost in memory, and what may not be dropped on the way."""

import tracemalloc
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import pytest

from archiver.errors import WindowError
from archiver.sources import documents
from archiver.sources.bodies import MAX_BODY_BYTES
from archiver.sources.documents import parse_json, parse_xml

MB = 1 << 20
SPARE = 1000


@dataclass(frozen=True)
class Bounds:
    """All bounds, made smaller by the same factor: what a document costs gets smaller too."""

    body_bytes: int
    uncounted_bytes: int
    parts: int
    pieces: int

    @classmethod
    def scaled(cls, factor: int) -> "Bounds":
        return cls(
            MAX_BODY_BYTES // factor,
            documents.UNCOUNTED_BYTES // factor,
            documents.MAX_PARTS // factor,
            documents.MAX_PIECES // factor,
        )


@pytest.fixture(params=[16, pytest.param(1, marks=pytest.mark.soak)], ids=["small", "whole"])
def factor(request, monkeypatch) -> int:
    bounds = Bounds.scaled(request.param)
    monkeypatch.setattr(documents, "UNCOUNTED_BYTES", bounds.uncounted_bytes)
    monkeypatch.setattr(documents, "MAX_PARTS", bounds.parts)
    monkeypatch.setattr(documents, "MAX_PIECES", bounds.pieces)
    factor: int = request.param
    return factor


def peak_bytes(parse: Callable[[bytes], Any], body: bytes) -> int:
    """The memory that a document needs, beside its bytes; an error of ours is well."""
    tracemalloc.start()
    try:
        parse(body)
    except (ValueError, WindowError):
        pass
    finally:
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    return peak


def filled(bounds: Bounds, beginning: str, part: str, filler: str, end: str) -> bytes:
    """As many parts as are allowed in a body as large as is allowed, the rest of it filler."""
    body = (beginning + part * (bounds.parts // 2)).encode()
    room = bounds.body_bytes - len(body) - len(filler.encode()) - len(end.encode())
    return body + filler.encode() + b"x" * room + end.encode()


def numbered(pattern: str, size: int) -> bytes:
    """The pattern with numbers, one after the other, up to a size."""
    return "".join(
        pattern % number for number in range((size - SPARE) // len(pattern % 0))
    ).encode()


ASTRAL = "\U0001f600"  # with one of these, each character of a text takes four bytes
LATIN = b"<?xml version='1.0' encoding='ISO-8859-1'?>"

JSON: dict[str, Callable[[Bounds], bytes]] = {
    "objects and a wide text": lambda b: filled(b, "[", "{},", f'"{ASTRAL}', '"]'),
    "lists and a wide text": lambda b: filled(b, "[", "[],", f'"{ASTRAL}', '"]'),
    "numbers and a wide text": lambda b: filled(b, "[", "10,", f'"{ASTRAL}', '"]'),
    "wide texts": lambda b: b"[%s0]" % (f'"{ASTRAL}{"x" * 90}",'.encode() * (b.parts // 3)),
    "halves of characters": lambda b: b'["' + rb"\ud83d" * (b.body_bytes // 6 - 1) + b'"]',
    "keys": lambda b: b'{%s"":0}' % numbered('"%05x":0,', b.parts * 10),
    "uncounted objects": lambda b: b"[" + b"{}," * (b.uncounted_bytes // 3 - 1) + b"0]",
    "uncounted keys": lambda b: b'{%s"":0}' % numbered('"%05x":0,', b.uncounted_bytes),
    "depth": lambda b: b"[" * (b.uncounted_bytes // 2) + b"]" * (b.uncounted_bytes // 2),
    "depth of objects": lambda b: b'{"":' * (b.parts // 2) + b"0" + b"}" * (b.parts // 2),
}
XML: dict[str, Callable[[Bounds], bytes]] = {
    "elements and a wide text": lambda b: filled(b, "<r>", "<a/>", f"<b>{ASTRAL}", "</b></r>"),
    "attributes": lambda b: b"<r>%s</r>" % (b"<a b=''/>" * (b.parts // 3 - 9)),
    "an element's attributes": lambda b: b"<r %s/>" % numbered(" a%05x=''", b.parts * 5),
    "names": lambda b: b"<r>%s</r>" % numbered("<a%05x/>", b.parts * 9),
    "lines": lambda b: b"<r>%s</r>" % ("\u0142\n" * (b.pieces - 9)).encode(),
    "references": lambda b: b"<r>%s</r>" % ("\u0142&lt;" * (b.pieces - 9)).encode(),
    "narrow text": lambda b: LATIN + b"<r>" + b"\xe9" * (b.body_bytes - 60) + b"</r>",
    "broad text": lambda b: f"<r>{ASTRAL}{'x' * (b.body_bytes // 2 - 20)}</r>".encode("utf-16"),
    "a comment": lambda b: b"<!--" + b"x" * (b.body_bytes - 20) + b"--><r/>",
    "an instruction": lambda b: b"<?x " + b"x" * (b.body_bytes - 20) + b"?><r/>",
    "a section": lambda b: b"<r><![CDATA[" + b"]" * (b.body_bytes - 40) + b"]]></r>",
    "uncounted elements": lambda b: b"<r>" + b"<a/>" * (b.uncounted_bytes // 4 - 2) + b"</r>",
    "uncounted attributes": lambda b: b"<r %s/>" % numbered(" a%05x=''", b.uncounted_bytes),
    "depth": lambda b: b"<a>" * (b.uncounted_bytes // 7) + b"</a>" * (b.uncounted_bytes // 7),
    "depth, open": lambda b: b"<a>" * (b.uncounted_bytes // 3),
    "namespaces": lambda b: b"<r xmlns:n='%s'>%s</r>"
    % (b"u" * 100, numbered("<n:a%05x/>", b.parts * 10)),
}  # fmt: skip


@pytest.mark.parametrize(
    ("parse", "make"),
    [
        *((parse_json, make) for make in JSON.values()),
        *((parse_xml, make) for make in XML.values()),
    ],
    ids=[*(f"JSON: {name}" for name in JSON), *(f"XML: {name}" for name in XML)],
)
def test_no_document_takes_more_memory_than_is_known_beforehand(parse, make, factor):
    """Up to all bounds together some 100 MB at most, whatever it is made of."""
    body = make(Bounds.scaled(factor))
    assert len(body) <= MAX_BODY_BYTES // factor
    assert peak_bytes(parse, body) < 150 * MB // factor


def test_depth_alone_is_no_harm():
    """A hundred thousand elements within each other are read, and forgotten again."""
    deep = parse_xml(b"<a>" * 100_000 + b"</a>" * 100_000)
    assert len(deep) == 1


@pytest.mark.parametrize(
    ("parse", "make"),
    [
        (parse_json, lambda b: b"[" + b"{}," * (b // 3 - 1) + b"0]"),
        (parse_json, lambda b: b"[" + b"1," * (b // 2 - 1) + b"0]"),
        (parse_json, lambda b: ("[" + "{}," * (b // 6 - 9) + "0]").encode("utf-16")),
        (parse_xml, lambda b: b"<r>" + b"<a/>" * (b // 4 - 2) + b"</r>"),
        (parse_xml, lambda b: b"<a>" * (b // 7) + b"</a>" * (b // 7)),
        (parse_xml, lambda b: b"<r %s/>" % numbered(" a%05x=''", b)),
        (parse_xml, lambda b: b"<r>" + b"&lt;" * (b // 4 - 2) + b"</r>"),
        (parse_xml, lambda b: b"<r>" + b"\n" * (b - 7) + b"</r>"),
        (parse_xml, lambda b: ("<r>" + "<a/>" * (b // 8 - 9) + "</r>").encode("utf-16")),
    ],
)
def test_a_document_of_too_many_parts_is_not_taken_apart(parse, make):
    """They are counted first; the remedy is a smaller page."""
    body = make(MAX_BODY_BYTES)
    with pytest.raises(WindowError, match=r"has more than [\d,]+ parts.*page_size"):
        parse(body)
    assert peak_bytes(parse, body) < MB


LONG = "u" * (MAX_BODY_BYTES // 2)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
@pytest.mark.parametrize(
    "text",
    [
        "<r xmlns:n='{0}'>{1}</r>",
        "<r xmlns='{0}'>{1}</r>",
        "<r><a xmlns:n='{0}'>{1}</a></r>",
        "<r xmlns:m='short'><a xmlns:n='{0}'>{1}</a></r>",
    ],
)
def test_a_long_namespace_does_not_multiply(encoding, text):
    """Each tag would hold it whole: some megabytes would become some gigabytes."""
    mark = "\ufeff" if encoding in ("utf-16-le", "utf-16-be") else ""
    tags = "".join(f"<n:a{number}/>" for number in range(300))
    body = (mark + text.format(LONG[: MAX_BODY_BYTES // 5], tags)).encode(encoding)
    with pytest.raises(ValueError, match="namespace of more than 100 characters"):
        parse_xml(body)
    assert peak_bytes(parse_xml, body) < 4 * MAX_BODY_BYTES


def test_short_namespaces_are_read():
    """Some programs declare them always, whether they use them or not."""
    root = parse_xml(
        b"<r xmlns:xsi='http://www.w3.org/2001/XMLSchema-instance' xmlns=''><a xsi:nil='1'/></r>"
    )
    assert root[0].tag == "a"
    assert list(root[0].attrib.values()) == ["1"]


BILLION = "".join(f"<!ENTITY a{n + 1} '{f'&a{n};' * 10}'>" for n in range(9))
QUADRATIC = f"<!DOCTYPE r [<!ENTITY a '{'a' * 50_000}'>]><r>{'&a;' * 50_000}</r>"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
@pytest.mark.parametrize(
    "text",
    [
        f"<!DOCTYPE r [<!ENTITY a0 'ha'>{BILLION}]><r>&a9;</r>",
        QUADRATIC,
        "<!DOCTYPE r [<!ENTITY x SYSTEM 'file:///etc/passwd'>]><r>&x;</r>",
        "<!DOCTYPE r [<!ENTITY % x SYSTEM 'http://127.0.0.1:9/'>%x;]><r/>",
        "<!DOCTYPE r [<!ATTLIST r a CDATA '" + "a" * 50_000 + "'>]><r/>",
    ],
    ids=["billion laughs", "quadratic", "file", "parameter", "attribute"],
)
def test_entities_are_refused_unread(encoding, text):
    """Neither swells anything nor is anything looked up, however it is written."""
    body = text.encode(encoding)
    with pytest.raises(ValueError, match="document type"):
        parse_xml(body)
    assert peak_bytes(parse_xml, body) < 5 * len(body) + MB


# What may not be dropped


@pytest.mark.parametrize(
    "body",
    [
        b'{"a": 1, "a": 1}',
        b'{"a": 1, "b": {"c": [], "c": []}}',
        b'[{"a": "1", "b": 2, "a": "2"}]',
        rb'{"a": 1, "\u0061": 2}',
        rb'{"\ud800": 1, "\ud801": 2}',
        rb'{"\ud800": 1, "\ufffd": 2}',
        b'{"a": 1, "a" : 2}',
    ],
)
def test_a_key_twice_is_an_error(body):
    """Of two values neither can be believed, and neither is dropped in silence."""
    with pytest.raises(ValueError, match="a key twice"):
        parse_json(body)


@pytest.mark.parametrize("depth", [2_000, 200_000])
@pytest.mark.parametrize(("opening", "closing"), [(b"[", b"]"), (b'{"a":', b"}")])
def test_depth_is_an_error_of_ours(depth, opening, closing):
    """However deep, no recursion shows."""
    with pytest.raises(ValueError, match="nested too deep"):
        parse_json(opening * depth + b"0" + closing * depth)


@pytest.mark.parametrize("text", ["1.10", "-0", "1E5", "0.1000000000000000055", "9" * 5000])
def test_numbers_stay_as_they_are_written(text):
    """A number is the text that was written."""
    assert parse_json(f'{{"a": {text}}}'.encode()) == {"a": text}


def test_counting_is_for_large_bodies_only(monkeypatch):
    """What is small is taken apart, whatever it is made of."""
    monkeypatch.setattr(documents, "MAX_PARTS", 3)
    assert len(parse_json(b"[1,2,3,4,5,6]")) == 6
    assert len(parse_xml(b"<r><a/><a/><a/><a/></r>")) == 4
    with pytest.raises(WindowError):
        partial(parse_json, b"[1,2,3,4,5,6]" + b" " * MB)()
