"""Whatever bytes a service sends: an envelope, or an error of ours that says why.

No crash, no hang, no more memory than is known beforehand. A small search each time; a minute of
it, another each time, by `make soak`.
"""

import json
import time
import tracemalloc
from datetime import timedelta
from typing import Any, Literal
from xml.sax.saxutils import escape

import pytest
from hypothesis import HealthCheck, find, given, settings
from hypothesis import strategies as st
from hypothesis.errors import NoSuchExample

from archiver.errors import ArchiverError
from archiver.model import CLICK_FIELDS, Row
from archiver.sources.envelope import Envelope, parse_envelope
from archiver.sources.records import CLICK_NAMES, RecordReader
from archiver.timestamps import LocalTimes

Form = Literal["xml", "json"]
FORMS: tuple[Form, ...] = ("xml", "json")
SOAK_SECONDS = 60
MB = 1 << 20
HANGS = timedelta(seconds=20)  # what takes so long takes more than its share
WRAPPINGS = {
    "json": (b'{"history": [', b"{}]}"),
    "xml": (b"<response><history>", b"</history></response>"),
}

reader = RecordReader(
    account="acme", service="linktrack", to_utc=LocalTimes("America/New_York").to_utc, names={}
)


def read(body: bytes, form: Form) -> None:
    """Take an answer apart, down to its clicks; all that may come of it can be stored."""
    try:
        envelope = parse_envelope(body, form, "history")
        rows, rejected = reader.read(envelope.records)
    except ArchiverError as error:
        said = str(error)
    else:
        check(envelope, rows)
        for record in rejected:
            assert record.reason.encode()
            assert record.text.encode()
        return
    assert 0 < len(said) < 500


def check(envelope: Envelope, rows: list[Row]) -> None:
    for row in rows:
        assert len(row) == len(CLICK_FIELDS)
        for value in row:
            assert value is None or isinstance(value, bool) or (value and value.encode())
    for number in (envelope.total, envelope.limit, envelope.offset):
        assert number is None or 0 <= number < 10**18
    envelope.message.encode()


# Good documents, and what may become of them

_STATED = ("error", "msg", "total", "limit", "offset")
_names = st.sampled_from([*CLICK_NAMES, "error", "msg", "total", "history", "record", "device"])
_times = st.sampled_from(
    ["2026-11-19 12:00:00", "2026-11-01 01:30:00", "0001-01-01 00:00:00", "9999-12-31 23:59:59"]
)
_texts = st.text(max_size=8) | _times | st.sampled_from(["0", "1", "-1", "1e999", "NaN", "\ud800"])
_values: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | _texts,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(_names | _texts, inner, max_size=3)
    ),
    max_leaves=8,
)
_records = st.lists(st.dictionaries(_names, _texts, max_size=6) | _values, max_size=4)
_stated = st.fixed_dictionaries({}, optional=dict.fromkeys(_STATED, _values))
_encodings = st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"])


@st.composite
def json_bodies(draw: st.DrawFn) -> bytes:
    document = {**draw(_stated), "history": draw(_records | _values)}
    text = json.dumps(document, ensure_ascii=draw(st.booleans()))
    return text.encode(draw(_encodings), "surrogatepass")


_XML_TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=8) | _times
_INSERTED = st.sampled_from(
    ["<!-- -->", "<![CDATA[<&]]>", "<?x y?>", "&amp;", "&#0;", "&#x10FFFF;", "&#xD800;", "&lt;",
     "&nope;", "<!DOCTYPE r>", "<a/>", "<a b='c'/>", "<record/>", "<history/>", "]]>", "\0", " "]
)  # fmt: skip


_WRITTEN = ["utf-8", "utf-16", "iso-8859-1", "ascii", "cp1252", "cp037"]
_DECLARED = ["utf-8", "utf-16", "iso-8859-1", "punycode", "idna", "rot13", "unicode_escape",
             "utf-7", "undefined", "x" * 1_000]  # fmt: skip


@st.composite
def xml_bodies(draw: st.DrawFn) -> bytes:
    def element(name: str, content: str) -> str:
        attribute = draw(st.sampled_from(["", "", "", " a='1'", " xmlns='u'", " xmlns:n='u'"]))
        return f"<{name}{attribute}>{content}{draw(st.just('') | _INSERTED)}</{name}>"

    def fields(names: st.SearchStrategy[str]) -> str:
        drawn = draw(st.lists(st.tuples(names, _XML_TEXTS), max_size=5))
        return "".join(element(name, escape(text)) for name, text in drawn)

    records = "".join(element("record", fields(_names)) for _ in range(draw(st.integers(0, 3))))
    stated = fields(st.sampled_from(_STATED))
    encoding = draw(st.sampled_from(_WRITTEN))
    declared = draw(st.sampled_from(_DECLARED))
    head = draw(st.sampled_from(["", f"<?xml version='1.0' encoding='{declared}'?>"]))
    text = head + element("response", stated + element("history", records))
    return text.encode(encoding, "xmlcharrefreplace")


@st.composite
def spoilt(draw: st.DrawFn, bodies: st.SearchStrategy[bytes]) -> bytes:
    """A good document of which some bytes are lost, doubled or others."""
    body = bytearray(draw(bodies))
    for _ in range(draw(st.integers(0, 4))):
        begin = draw(st.integers(0, len(body)))
        end = min(len(body), begin + draw(st.integers(0, 6)))
        part = draw(st.binary(max_size=6) | st.just(bytes(body[begin:end]) * 2))
        body[begin:end] = part
    return bytes(body)


_fragments = st.lists(
    st.sampled_from(
        [b"{", b"}", b"[", b"]", b'"', b":", b",", b"\\", b"\\ud8", b"\\u0000", b"null", b"1e9",
         b"<", b">", b"/", b"</", b"response", b"history", b"record", b"=", b"'", b"&", b";", b"#",
         b"<?xml version='1.0'?>", b"<![CDATA[", b"]]>", b"<!--", b"-->", b"\xff\xfe", b"\0",
         b"\xef\xbb\xbf", b"xmlns", b":n", b"<response>", b"<history>", b'{"history":[']
    )
    | st.binary(max_size=4),
    max_size=40,
).map(b"".join)  # fmt: skip

bodies = {
    "json": spoilt(json_bodies()) | _fragments,
    "xml": spoilt(xml_bodies()) | _fragments,
    "any": st.binary(max_size=200) | _fragments,
}


@settings(deadline=None, max_examples=300, suppress_health_check=list(HealthCheck))
@given(st.data(), st.sampled_from(list(bodies)), st.sampled_from(FORMS))
def test_no_bytes_are_more_than_an_error(data, kind, form):
    """Whatever comes, and whatever was asked for: what can be stored, or an error of ours."""
    read(data.draw(bodies[kind]), form)


@pytest.mark.parametrize("form", FORMS)
def test_the_search_reaches_records(form):
    """Some of what is tried has records: what comes after the parser is tried as well."""

    def has_records(body: bytes) -> bool:
        try:
            return bool(parse_envelope(body, form, "history").records)
        except ArchiverError:
            return False

    try:
        found = find(
            bodies[form], has_records, settings=settings(max_examples=5_000, deadline=None)
        )
    except NoSuchExample:
        pytest.fail("no page with a record was tried")
    assert found


@pytest.mark.soak
@pytest.mark.parametrize("form", FORMS)
def test_a_minute_of_any_bytes(form):
    """No crash, no hang, no growing memory: others each time, small ones, and many times over."""
    beginning, end = WRAPPINGS[form]

    @settings(
        deadline=HANGS, max_examples=200, database=None, suppress_health_check=list(HealthCheck)
    )
    @given(st.sampled_from(list(bodies)).flatmap(lambda kind: bodies[kind]), st.integers(2, 5_000))
    def search(body: bytes, times: int) -> None:
        read(body, form)
        read(body * times, form)
        read(beginning + body * times + end, form)

    tracemalloc.start()
    begun = time.monotonic()
    try:
        while time.monotonic() - begun < SOAK_SECONDS:
            search()
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 150 * MB
