"""Pages that are read as tables: what comes of them is what the exact parser gives, or nothing."""

import json
from typing import Any

import pytest
from hypothesis import find, given, settings
from hypothesis import strategies as st

from archiver.sources.documents import parse_json
from archiver.sources.envelope import parse_envelope
from archiver.sources.tables import Table, read_json_table


def test_a_table_is_its_records() -> None:
    """From either end, in slices, and as often as wanted."""
    table = Table(("id", "ip"), [("1", "2", "3"), (None, "", "x")])
    records = [{"id": "1", "ip": None}, {"id": "2", "ip": ""}, {"id": "3", "ip": "x"}]
    assert len(table) == 3
    assert list(table) == list(table) == records
    assert (table[0], table[-1]) == (records[0], records[-1])
    assert list(table[1:]) == records[1:]


def test_an_answer_of_the_service_is_a_table() -> None:
    """With what it states before, each number as it was written."""
    records = b'[{"id":"1","ip":null},{"ip":"","id":"2"}]'
    body = b'{"error":0,"msg":"","total":2,"x":-0,"history":%s}' % records
    found = read_json_table(body, "history")
    assert found is not None
    stated, table = found
    assert stated == {"error": "0", "msg": "", "total": "2", "x": "-0"}
    assert list(table) == [{"id": "1", "ip": None}, {"id": "2", "ip": ""}]
    assert isinstance(parse_envelope(body, "json", "history").records, Table)


@pytest.mark.parametrize(
    "records",
    [
        "<record><id>1</id><ip/></record><record><id>2</id><ip>x</ip></record>",
        " <record> <id>1</id>\n<ip></ip> </record><record><id>2</id><ip>x</ip></record> ",
    ],
)
def test_xml_of_equal_fields_is_a_table(records: str) -> None:
    """Whatever blanks stand between them."""
    body = f"<response><history>{records}</history></response>".encode()
    found = parse_envelope(body, "xml", "history").records
    assert isinstance(found, Table)
    assert list(found) == [{"id": "1", "ip": None}, {"id": "2", "ip": "x"}]


@pytest.mark.parametrize(
    "records",
    [
        "<record><id>1</id><ip/></record><record><ip>x</ip><id>2</id></record>",
        "<record><id>1</id><ip/></record><record><id>2</id></record>",
        "<record><id>1</id></record><record><id>2</id><ip/></record>",
        "<record><id>1</id><id>2</id></record>",
        "<record><record/></record><record><record/></record>",
        "<record><id><ip/></id></record><record/>",
        "<record id='1'><ip/></record>",
        "<record><ip id='1'/></record>",
        "<record>x<ip/></record>",
        "<record><ip/>x</record>",
        "<record/>",
        "",
    ],
)
def test_other_xml_is_none(records: str) -> None:
    """Each record is then read by itself, and nothing of it is dropped."""
    body = f"<response><history>{records}</history></response>".encode()
    assert not isinstance(parse_envelope(body, "xml", "history").records, Table)


@pytest.mark.parametrize(
    "body",
    [
        b'{"history":[{"id":"1","id":"2"}]}',
        b'{"history":[{"id":"1","ip":"2"},{"id":"1","ip":"2","ip":"3"}]}',
        b'{"history":[{"id":"1"},{"id":"1","id" :"1"}]}',
        b'{"history":[{"id":null},{"id":"1","id":null}]}',
        b'{"total":1,"total":1,"history":[{"id":"1"}]}',
        b'{"total":1,"history":[{"id":"1"}],"total":1}',
        b'{"history":[{"id":"1"}],"history":[{"id":"2"}]}',
        b'{"history":[{"id":"1"}],"total":1}',
        b'{"history":[{"id":"1"},{"id":"1","ip":"2"}]}',
        b'{"history":[{"id":"1","ip":"2"},{"id":"1"}]}',
        b'{"history":[{"id":"1"},{"id":1}]}',
        b'{"history":[{"id":"1"},{"id":true}]}',
        b'{"history":[{"id":"1"},{"id":["1"]}]}',
        b'{"history":[{"id":"1"},["1"]]}',
        b'{"history":[{}]}',
        b'{"history":[]}',
        b'{"history":{"id":"1"}}',
        b'{"history":[{"id":"\\ud800"}]}',
        b'{"history":[{"id":"\xff"}]}',
        b'{"history":[{"id":"1"}]}x',
        b'{"history":[{"id":"1"}]',
        b'\xef\xbb\xbf{"history":[{"id":"1"}]}',
        '{"history":[{"id":"1"}]}'.encode("utf-16"),
        b'{"other":[{"id":"1"}]}',
        b'{"meta":{"history":[{"id":"1"}]}}',
        b'{"history":[{"a\\\\":"1"}]}',
        b'[{"id":"1"}]',
        b"",
    ],
)
def test_what_is_no_table_for_certain_is_left(body: bytes) -> None:
    """Keys given twice, and all that is out of the ordinary."""
    assert read_json_table(body, "history") is None


#: JSON as services write it, or could: of few names and values, so that what matters comes up.
_names = st.sampled_from(["id", "total", "history", "a b", 'q"', "", "é", "ip"])
_texts = st.sampled_from([
    '"x"', '""', "null", '"a\\"b"', '"\\\\"', '"\\u0022"', '"\\ud83d\\ude00"', '":0"',
    '"a \\"id\\":0"', '", "', '"\\ud800"',
])  # fmt: skip
_scalars = _texts | st.sampled_from(["true", "0", "-0", "1.10", "01", "NaN", "[]", "{}"])
_gaps = st.sampled_from(["", "", " ", "\n\t"])


@st.composite
def _object(draw: st.DrawFn, members: list[tuple[str, str]]) -> str:
    written = (
        f"{json.dumps(name, ensure_ascii=False)}{draw(_gaps)}:{draw(_gaps)}{value}"
        for name, value in members
    )
    return f"{{{','.join(written)}}}"


@st.composite
def _bodies(draw: st.DrawFn) -> str:
    """Objects with a list of records that are mostly alike in their fields."""
    fields = draw(st.lists(_names, min_size=1, max_size=3))
    records = []
    for _ in range(draw(st.integers(0, 3))):
        members = [(name, draw(_texts)) for name in fields]
        if draw(st.integers(0, 5)) == 0:
            members += draw(st.lists(st.tuples(_names, _scalars), max_size=2))
        records.append(draw(_object(members)))
    stated = draw(st.lists(st.tuples(_names, _scalars), max_size=2))
    after = draw(st.lists(st.tuples(_names, _scalars), max_size=1))
    listed = ("history", f"[{','.join(records)}]")
    return draw(_object([*stated, listed, *after]))


def _as_table(text: str) -> dict[str, Any] | None:
    found = read_json_table(text.encode(), "history")
    return found and {**found[0], "history": list(found[1])}


@settings(deadline=None, max_examples=500)
@given(_bodies())
def test_a_table_has_what_the_exact_parser_gives(text: str) -> None:
    """And where that refuses a document, there is no table of it."""
    found = _as_table(text)
    if found is not None:
        assert repr(sorted(found.items())) == repr(sorted(parse_json(text.encode()).items()))


def test_the_search_reaches_tables() -> None:
    """Of several records."""
    assert find(_bodies(), lambda text: len((_as_table(text) or {}).get("history", [])) > 1)
