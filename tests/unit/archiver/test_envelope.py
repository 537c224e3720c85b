"""An answer taken apart: a whole document of the right shape, or an error."""

import json
from dataclasses import replace
from typing import Any
from xml.sax.saxutils import escape

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.clicks import unhurried

from archiver.errors import WindowError
from archiver.model import Click
from archiver.sources.envelope import Envelope, parse_envelope
from archiver.sources.records import CLICK_NAMES, RecordReader
from archiver.timestamps import LocalTimes

AT = "2026-11-19 12:00:00"


def parse_json(body: object) -> Envelope:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return listed(parse_envelope(raw, "json", "history"))


def parse_xml(body: str | bytes) -> Envelope:
    raw = body if isinstance(body, bytes) else body.encode()
    return listed(parse_envelope(raw, "xml", "history"))


def listed(envelope: Envelope) -> Envelope:
    """An envelope whose records are dictionaries, whatever way they were read."""
    return replace(envelope, records=list(envelope.records))


def xml(inside: str) -> str:
    return f"<response>{inside}</response>"


def one(fields: str) -> Any:
    """The one record of an XML answer with these fields."""
    records = parse_xml(xml(f"<history><record>{fields}</record></history>")).records
    assert len(records) == 1
    return records[0]


def value_of(text: str) -> Any:
    """What a JSON answer holds as a record's `x`, where `text` stands in its place."""
    return parse_json(b'{"history": [{"x": %s}]}' % text.encode()).records[0]["x"]


def test_json_states_what_it_states():
    """Total, limit and offset, the message, and the records as they are."""
    body = {
        "error": 0,
        "msg": "hi",
        "total": 2,
        "limit": 1000,
        "offset": 0,
        "history": [{"id": "1"}],
    }
    assert parse_json(body) == Envelope(
        error=False, message="hi", total=2, limit=1000, offset=0, records=[{"id": "1"}]
    )


def test_xml_states_what_it_states():
    """XML gives the same as JSON: texts for the records, numbers for the counts."""
    body = xml(
        "<error>0</error><msg>hi</msg><total>2</total><limit>1000</limit><offset>0</offset>"
        "<history><record><id>1</id></record></history>"
    )
    assert parse_xml(body) == Envelope(
        error=False, message="hi", total=2, limit=1000, offset=0, records=[{"id": "1"}]
    )


@pytest.mark.parametrize(
    "history", ["<history/>", "<history></history>", "<history>\n </history>"]
)
def test_an_empty_list_is_no_clicks(history):
    """No record in the list: that is an answer, in either form."""
    assert parse_xml(xml(history)).records == []
    assert parse_json({"history": []}).records == []


def test_what_is_not_stated_is_none():
    """Nothing is made up where the service states neither total nor limit nor offset."""
    for envelope in (parse_json({"history": []}), parse_xml(xml("<history/>"))):
        assert (envelope.total, envelope.limit, envelope.offset) == (None, None, None)
        assert (envelope.error, envelope.message) == (False, "")


@pytest.mark.parametrize("form", ["json", "xml"])
@pytest.mark.parametrize(
    "body",
    [
        b"",
        b" ",
        b"OK",
        b"Error: try later",
        b"<html><head><title>Maintenance</title></head><body>Soon back<br></body></html>",
        b"<!DOCTYPE html><html><body/></html>",
        b"<html><body/></html>",
        b"<history/>",
        b"[]",
        b"null",
        b"0",
        b'"history"',
        b"\xff\xfe\xff",
        b"\x1f\x8b\x08\x00",
        b"{}{}",
        b"<response/><response/>",
    ],
)
def test_what_is_no_answer_is_never_no_clicks(form, body):
    """A text, a page of HTML, another document: each is an error, in both forms."""
    with pytest.raises(WindowError):
        parse_envelope(body, form, "history")


WHOLE_JSON = b'{"error": 0, "total": 1, "history": [{"id": "5", "title": "\xc3\xbc"}]}'
WHOLE_XML = (
    b"<?xml version='1.0'?><response><error>0</error><history><record><id>5</id>"
    b"<title>\xc3\xbc</title></record></history></response>"
)


@pytest.mark.parametrize(
    ("whole", "form"),
    [(whole[:n], form) for whole, form in ((WHOLE_JSON, "json"), (WHOLE_XML, "xml"))
     for n in range(0, len(whole), 3)],
)  # fmt: skip
def test_half_a_document_is_an_error(whole, form):
    """Wherever an answer breaks off, it is no answer."""
    with pytest.raises(WindowError, match=r"isn't a whole \w+ document"):
        parse_envelope(whole, form, "history")


def test_an_error_shows_nothing_of_the_answer():
    """Whoever knows the secrets quotes it."""
    with pytest.raises(WindowError, match="base_url") as raised:
        parse_xml("Soon back. " + "x" * 500)
    assert "Soon" not in str(raised.value)


# The envelope


@pytest.mark.parametrize("body", [{}, {"history": None}, {"total": 0}, {"links": []}])
def test_json_without_its_list_is_an_error(body):
    """An absent or null list is no empty list."""
    with pytest.raises(WindowError, match="no history"):
        parse_json(body)


@pytest.mark.parametrize(
    "body", [xml(""), xml("<total>0</total>"), xml("<links/>"), "<response/>"]
)
def test_xml_without_its_list_is_an_error(body):
    """An absent list is no empty list."""
    with pytest.raises(WindowError, match="no history"):
        parse_xml(body)


@pytest.mark.parametrize(
    "history", [{}, {"0": {}}, "", "none", 0, True, [1], [None], ["a"], [[]], [{}, "a"]]
)
def test_a_json_list_of_something_else_is_an_error(history):
    """Only objects are records, and only a list holds them."""
    with pytest.raises(WindowError, match="something else than records"):
        parse_json({"history": history})


@pytest.mark.parametrize(
    "history",
    [
        "<history>Too busy</history>",
        "<history>Too busy<record/></history>",
        "<history><record/>and more</history>",
        "<history><click/></history>",
        "<history><record/><error>1</error></history>",
        "<history/><history/>",
        "<history><record/></history><history/>",
    ],
)
def test_an_xml_list_of_something_else_is_an_error(history):
    """Text or other elements in place of records, and a second list, are refused."""
    with pytest.raises(WindowError):
        parse_xml(xml(history))


def test_what_is_stated_twice_is_an_error():
    """Of two totals neither can be believed."""
    with pytest.raises(WindowError, match="twice"):
        parse_xml(xml("<total>1</total><total>0</total><history/>"))


@pytest.mark.parametrize(
    "error", [0, "0", "", None, False, 0.0, "00", "0.0", " 0\n", "False", "none", "NULL", [], {}]
)
def test_no_error_is_said_in_many_ways(error):
    """Zero as a number or a text, false, null, nothing, in words or as a value."""
    assert not parse_json({"error": error, "history": []}).error


@pytest.mark.parametrize("error", [1, "1", True, -1, "bad", ["no"], {"code": 1}, 0.5, "01", "no"])
def test_anything_else_is_an_error(error):
    """Whatever isn't a plain no is an error, with or without a list."""
    for body in ({"error": error, "msg": "no"}, {"error": error, "msg": "no", "history": []}):
        envelope = parse_json(body)
        assert (envelope.error, envelope.message, envelope.records) == (True, "no", [])


@pytest.mark.parametrize(
    ("element", "error"),
    [("<error>0</error>", False), ("<error/>", False), ("", False), ("<error>1</error>", True),
     ("<error>bad</error>", True)],
)  # fmt: skip
def test_errors_in_xml(element, error):
    """An empty and an absent `error` mean none."""
    assert parse_xml(xml(f"{element}<msg/><history/>")).error is error


@pytest.mark.parametrize("name", ["total", "limit", "offset"])
@pytest.mark.parametrize(("value", "number"), [(0, 0), ("0", 0), (2345, 2345), ("2345", 2345),
                                               ("", None), (None, None)])  # fmt: skip
def test_a_count_is_a_number_or_a_text(name, value, number):
    """Both mean the same; empty and null mean that it isn't stated."""
    assert getattr(parse_json({name: value, "history": []}), name) == number
    if isinstance(value, str):
        stated = parse_xml(xml(f"<{name}>{value}</{name}><history/>"))
        assert getattr(stated, name) == number


@pytest.mark.parametrize("name", ["total", "limit", "offset"])
@pytest.mark.parametrize(
    "value", [-1, "-1", "many", " 5", "5.0", 5.5, 1e3, True, [], {}, "٣", "²", "9" * 40]
)
def test_a_count_that_is_none_is_an_error(name, value):
    """A negative, a fraction, a word, foreign digits: an error that names what it should be."""
    with pytest.raises(WindowError, match=f"no number as its {name}"):
        parse_json({name: value, "history": []})
    if isinstance(value, str):
        with pytest.raises(WindowError, match=f"no number as its {name}"):
            parse_xml(xml(f"<{name}>{value}</{name}><history/>"))


# JSON


@pytest.mark.parametrize("constant", ["NaN", "Infinity", "-Infinity"])
def test_what_is_no_json_is_refused(constant):
    """Python's own extensions of JSON aren't numbers of a service."""
    with pytest.raises(WindowError, match=constant):
        value_of(constant)


@pytest.mark.parametrize(
    "number",
    ["0", "-7", "1.10", "1e400", "12345678901234567890123", "0.1000000000000000055", "9" * 5000],
)
def test_numbers_keep_their_text(number):
    """A number is what the service wrote, to the last digit, however large."""
    assert value_of(number) == number


@pytest.mark.parametrize("lone", [r"\ud83d", r"\uDE00", r"\udfff", r"\uD800"])
@pytest.mark.parametrize(
    ("before", "after"), [("", ""), ("a", ""), ("", "z"), ("ü", "é"), (r"\ud83d\ude00", r"\u0041")]
)
def test_a_lone_surrogate_is_replaced(lone, before, after):
    """It isn't text and becomes U+FFFD; what stands beside it stays, a proper pair too."""
    expected = json.loads(f'"{before}"') + "\ufffd" + json.loads(f'"{after}"')
    assert value_of(f'"{before}{lone}{after}"') == expected


def test_a_proper_pair_is_one_character():
    """Escaped in two halves, an emoji is an emoji."""
    assert value_of(r'"\ud83d\ude00"') == value_of('"\U0001f600"') == "\U0001f600"


@unhurried
@given(st.text(st.characters() | st.characters(categories=["Cs"]), max_size=8))
def test_whatever_is_escaped_becomes_text(text):
    """Any mixture of halves and wholes can be stored afterwards."""
    value = value_of(json.dumps(text))
    assert value.encode().decode() == value
    units = text.encode("utf-16-be", "surrogatepass")
    assert value == units.decode("utf-16-be", "replace")


def test_surrogates_are_replaced_everywhere():
    """In names, in nested values and in the service's message, as much as in fields."""
    body = rb'{"error": 1, "msg": "\ud800!", "history": [{"\udfff": ["\ud800", {"a": "\ud800"}]}]}'
    envelope = parse_json(body)
    assert envelope.message == "\ufffd!"
    assert envelope.records == [{"\ufffd": ["\ufffd", {"a": "\ufffd"}]}]


def test_surrogates_written_as_characters_are_replaced_too():
    """UTF-8 that encodes halves as if they were characters: a pair is one, a lone one U+FFFD."""
    assert value_of_bytes(b'"a\xed\xa0\x80z"') == "a\ufffdz"
    assert value_of_bytes(b'"\xed\xa0\xbd\xed\xb8\x80"') == "\U0001f600"


def value_of_bytes(text: bytes) -> Any:
    return parse_json(b'{"history": [{"x": ' + text + b"}]}").records[0]["x"]


@pytest.mark.parametrize(
    "body",
    [
        b'{"history": [{"id": "1"}], "history": []}',
        b'{"error": 1, "history": [], "error": 0}',
        b'{"total": 1, "total": 0, "history": []}',
        b'{"history": [{"ip": "192.0.2.1", "ip": "192.0.2.2"}]}',
        b'{"history": [{"device": {"os": 1, "os": 2}}]}',
    ],
)
def test_a_json_key_twice_is_an_error(body):
    """Of two values neither can be believed; least of all where one says that all is well."""
    with pytest.raises(WindowError, match="a key twice"):
        parse_json(body)


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-be", "utf-32"])
def test_json_in_other_encodings_of_unicode(encoding):
    """With a byte order mark or in wider units, JSON is JSON, and its surrogates are looked at."""
    body = r'{"history": [{"x": "é\ud800"}]}'.encode(encoding)
    assert parse_json(body).records == [{"x": "é\ufffd"}]


@pytest.mark.parametrize("depth", [2_000, 200_000])
def test_json_of_any_depth_is_an_error_at_most(depth):
    """A document nested beyond reason ends in an error of ours."""
    with pytest.raises(WindowError, match="isn't a whole JSON"):
        value_of("[" * depth + "]" * depth)


def test_deep_json_with_surrogates_is_an_error_at_most():
    """Nor does the look for surrogates fall into the depth."""
    with pytest.raises(WindowError, match="isn't a whole JSON"):
        value_of("[" * 900 + r'"\ud800"' + "]" * 900)


# XML


def test_empty_and_absent_elements():
    """An empty element has no text, an absent one isn't there: both are nothing to a click."""
    assert one("<id>5</id><ip/><title></title>") == {"id": "5", "ip": None, "title": None}


def test_one_record_is_a_list_of_one():
    """One record, none and many are alike in shape."""
    for count in (0, 1, 2, 3):
        records = parse_xml(xml(f"<history>{'<record><id>5</id></record>' * count}</history>"))
        assert list(records.records) == [{"id": "5"}] * count


def test_a_field_twice_is_a_list():
    """As JSON would have it: of two values neither is lost, and neither is believed."""
    assert one("<id>5</id><ip>192.0.2.1</ip><ip/>") == {"id": "5", "ip": ["192.0.2.1", None]}


def test_elements_within_a_field_are_an_object():
    """As JSON would have it, with the text that stands about them."""
    odd = "<id>5</id><ip>at <v4>192.0.2.1</v4> or<v6/> <v6>x</v6></ip>"
    nested = {"#text": "at  or ", "v4": "192.0.2.1", "v6": [None, "x"]}
    assert one(odd) == {"id": "5", "ip": nested}


@pytest.mark.parametrize("odd", ["lost<id>5</id>", "<id>5</id>lost"])
def test_text_within_a_record_is_a_field(odd):
    """Nobody knows what it means, and it isn't passed over."""
    assert one(odd) == {"id": "5", "#text": "lost"}


@pytest.mark.parametrize("depth", [100, 2_000, 100_000])
def test_xml_of_any_depth_is_an_error_at_most(depth):
    """A field nested beyond reason ends in an error of ours."""
    fields = "<a>" * depth + "</a>" * depth
    if depth == 100:
        assert list(one(fields)) == ["a"]
        return
    with pytest.raises(WindowError, match="isn't a whole XML"):
        one(fields)


@pytest.mark.parametrize(
    "history",
    [
        "<history><record><id>5</id></record>lost<record/></history>",
        "<history>lost</history>",
        "\nlost<history/>",
        "<history/>lost",
        "<error>0</error>lost<history/>",
    ],
)
def test_text_between_elements_is_an_error(history):
    """Whatever a service says where nothing is expected isn't passed over."""
    with pytest.raises(WindowError, match="has text"):
        parse_xml(xml(history))


@pytest.mark.parametrize("blank", ["", " ", "\n", "\r\n\t"])
def test_blanks_between_elements_are_nothing(blank):
    """An answer may be set out in lines."""
    record = f"<record>{blank}<id>5</id>{blank}<ip/>{blank}</record>{blank}"
    history = f"{blank}<history>{blank}{record * 2}</history>{blank}"
    assert parse_xml(xml(history)).records == [{"id": "5", "ip": None}] * 2


def test_attributes_of_records_and_fields_are_kept():
    """As fields of names that no element can have: an unknown field is lost no more than any."""
    history = (
        '<history type="array"><record id="5" xml:lang="en"><ip version="4">192.0.2.1</ip>'
        '<title nil="true"/></record><record><ip>192.0.2.2</ip></record></history>'
    )
    lang = "{http://www.w3.org/XML/1998/namespace}lang"
    assert parse_xml(xml(history)).records == [
        {
            "@id": "5",
            f"@{lang}": "en",
            "ip": "192.0.2.1",
            "ip@version": "4",
            "title": None,
            "title@nil": "true",
        },
        {"ip": "192.0.2.2"},
    ]


def test_an_attribute_may_be_the_field_that_is_looked_for():
    """What a service writes as an attribute can be named in the configuration as any field."""
    records = parse_xml(
        xml(f'<history><record at="{AT}"><link_id>7</link_id></record></history>')
    ).records
    reader = RecordReader(
        account="acme",
        service="linktrack",
        to_utc=LocalTimes("UTC").to_utc,
        names={"clicked_at": "@at"},
    )
    [row], _ = reader.read(records)
    assert Click._make(row).clicked_at == "2026-11-19T12:00:00Z"


@pytest.mark.parametrize(
    ("error", "is_one"),
    [("<code>5</code>", True), ("<code>0</code>", False), ("<code/>", False),
     ("<a>no</a> <b/>", True), ("0<!-- well -->", False)],
)  # fmt: skip
def test_an_error_in_elements_of_its_own_is_an_error(error, is_one):
    """It isn't looked at where it says so, but at all that it says."""
    assert parse_xml(xml(f"<error>{error}</error><history/>")).error is is_one


def test_text_comes_as_it_was_meant():
    """Character references, CDATA, comments and blanks give the text that was written."""
    fields = (
        "<a>&#13;&#10;&lt;&amp;&#x1F600;</a><b><![CDATA[<x>&amp;]]></b><c>1<!-- -->2</c><d> </d>"
    )
    assert one(fields) == {"a": "\r\n<&\U0001f600", "b": "<x>&amp;", "c": "12", "d": " "}


def test_the_replacement_character_stays():
    """U+FFFD is what a service writes for what XML can't hold."""
    assert one("<a>x\ufffdy</a>") == {"a": "x\ufffdy"}


@pytest.mark.parametrize("bad", ["&#0;", "&#xD800;", "&#xFFFF;", "\x01", "&nbsp;", "&undefined;"])
def test_what_xml_cannot_hold_is_an_error(bad):
    """Forbidden characters and unknown entities make a document no document."""
    with pytest.raises(WindowError, match="isn't a whole XML"):
        one(f"<a>{bad}</a>")


@pytest.mark.parametrize(
    "encoding",
    [
        "utf-8",
        "UTF-8",
        "utf-16",
        "ISO-8859-1",
        "iso-8859-15",
        "latin1",
        "windows-1252",
        "cp1252",
    ],
)
def test_the_declared_encoding_counts(encoding):
    """Text is decoded as the document says."""
    text = f"<?xml version='1.0' encoding='{encoding}'?>" + xml(
        "<history><record><a>Grüße</a></record></history>"
    )
    assert parse_xml(text.encode(encoding)).records == [{"a": "Grüße"}]


@pytest.mark.parametrize(
    "encoding",
    ["no-such-thing", "shift_jis", "utf-7", "utf-32", "unicode_escape", "raw_unicode_escape",
     "idna", "punycode", "undefined", "rot13", "zlib", "cp037", "windows-99", "x" * 99],
)  # fmt: skip
def test_an_encoding_that_cannot_be_read_is_an_error(encoding):
    """An unknown encoding is an error of ours, whatever the parser thinks of it."""
    with pytest.raises(WindowError, match="isn't a whole XML"):
        parse_xml(f"<?xml version='1.0' encoding='{encoding}'?>{xml('<history/>')}")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le"])
@pytest.mark.parametrize(
    "doctype",
    [
        "<!DOCTYPE response>",
        '<!DOCTYPE response SYSTEM "file:///etc/passwd">',
        '<!DOCTYPE response [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]>',
        "<!-- a comment before --><!DOCTYPE response>",
    ],
)
def test_a_doctype_is_refused_in_any_encoding(encoding, doctype):
    """The way in for entities is closed, however it is written."""
    text = f"\ufeff{doctype}{xml('<history/>')}" if encoding == "utf-16-le" else (
        f"{doctype}{xml('<history/>')}"
    )  # fmt: skip
    with pytest.raises(WindowError, match="document type"):
        parse_xml(text.encode(encoding))


def test_a_doctype_as_a_text_is_text():
    """A user agent may say what it likes."""
    assert one("<a>&lt;!DOCTYPE html></a>") == {"a": "<!DOCTYPE html>"}


@pytest.mark.parametrize(
    "root", ["<Response><history/></Response>", "<r:response xmlns:r='u'><history/></r:response>"]
)
def test_another_root_is_refused(root):
    """Only `response` is an answer."""
    with pytest.raises(WindowError, match="its root is"):
        parse_xml(root)


# Both forms

_texts = st.text(
    st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="\ufffe\uffff")
    | st.sampled_from("\t\n\r"),
    max_size=6,
)
_records = st.fixed_dictionaries(
    {"clicked_at": st.just(AT)},
    optional={
        **{name: _texts for name in CLICK_NAMES if name not in {"clicked_at", "is_unique"}},
        "is_unique": st.sampled_from(["0", "1", "", "perhaps"]),
        "device": _texts,
        "Über": _texts,
    },
)


def as_xml(records: list[dict[str, str]]) -> bytes:
    escapes = {"\r": "&#13;"}
    rows = "".join(
        "<record>"
        + "".join(
            f"<{name}>{xml_text}</{name}>" if xml_text else f"<{name}/>"
            for name, value in record.items()
            for xml_text in [xml_escape(value, escapes)]
        )
        + "</record>"
        for record in records
    )
    return xml(f"<history>{rows}</history>").encode()


def xml_escape(text: str, escapes: dict[str, str]) -> str:
    return escape(text, escapes)


@unhurried
@given(st.lists(_records, max_size=4), st.sampled_from(["", None]), st.booleans())
def test_both_forms_give_the_same_clicks(records, nothing, ascii_only):
    """The same records in XML and in JSON are the same rows, to the letter."""
    nulled = [{name: value or nothing for name, value in record.items()} for record in records]
    body = json.dumps({"history": nulled}, ensure_ascii=ascii_only).encode()
    reader = RecordReader(
        account="acme", service="linktrack", to_utc=LocalTimes("UTC").to_utc, names={}
    )
    from_json = reader.read(parse_json(body).records)
    assert reader.read(parse_xml(as_xml(records)).records) == from_json
    assert (len(from_json[0]), from_json[1]) == (len(records), [])
