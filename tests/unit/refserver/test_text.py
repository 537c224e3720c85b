"""Text of every kind comes through, the same in XML and JSON."""

import re
from datetime import UTC, datetime
from xml.etree import ElementTree as ET

import orjson
from hypothesis import given
from hypothesis import strategies as st

from refserver.answers import list_answer, xml_safe
from refserver.database import NewClick

NASTY = "<script>&amp;]]>\"'\r\n\t\rend \x00\x0b\ufffe\ud800 é e\u0301 \U0001f389 \u202e שלום"


def test_what_xml_cannot_hold_is_recorded_as_fffd(serve, database, account_id) -> None:
    """Both formats give the same text, and the database holds it already."""
    link_id = database.add_link(account_id, external_url=NASTY, title=NASTY, group=NASTY)
    click = NewClick(
        link_id, datetime(2026, 5, 1, tzinfo=UTC), NASTY, NASTY, NASTY, NASTY, True, NASTY
    )
    database.add_clicks(account_id, [click])
    expected = re.sub("[\x00\x0b\ufffe\ud800]", "\ufffd", NASTY)
    api = serve()
    from_json = api.clicks()[0]
    from_xml = api.xml(start="2026-01-01 00:00:00").find("history/record")
    for field in (
        "external_url",
        "title",
        "group",
        "ip",
        "country",
        "referrer",
        "user_agent",
        "conversion",
    ):
        assert from_json[field] == from_xml.findtext(field) == expected
    with database.reading() as connection:
        assert connection.execute("SELECT title FROM links").fetchone() == (expected,)
        assert connection.execute("SELECT referrer FROM clicks").fetchone() == (expected,)


def test_what_was_made_by_a_text_is_found_by_it(serve, account_id) -> None:
    """A group's name that XML can't hold is recorded otherwise, and asked for as it was given."""
    api = serve()
    api.call("makeLink", external_url="https://example.com/", group="a\x01b")
    assert [link["group"] for link in api.links(group="a\x01b")] == ["a\ufffdb"]
    api.visit("/.1")
    [click] = api.clicks(group="a\x01b")
    assert click["group"] == "a\ufffdb"


def test_cr_is_written_as_a_reference(serve, database, account_id) -> None:
    """A bare CR in XML would be read as a line feed."""
    link_id = database.add_link(account_id, external_url="u", title="a\r\nb\rc")
    database.add_clicks(account_id, [NewClick(link_id, datetime(2026, 5, 1, tzinfo=UTC))])
    text = serve().post(start="2026-01-01 00:00:00").content
    assert b"<title>a&#13;\nb&#13;c</title>" in text


@given(st.lists(st.tuples(st.text(), st.text(st.characters(max_codepoint=127))), max_size=5))
def test_any_text_survives_both_formats(texts) -> None:
    """What was recorded is what a parser reads, and an empty text is no value."""
    rows = [(xml_safe(one), xml_safe(other)) for one, other in texts]
    root = ET.fromstring(list_answer("xml", {}, "history", ("one", "other"), rows).data)
    read = [
        tuple(field.text or "" for field in record) for record in root.iterfind("history/record")
    ]
    assert read == rows
    page = orjson.loads(list_answer("json", {}, "history", ("one", "other"), rows).data)
    assert [(r["one"] or "", r["other"] or "") for r in page["history"]] == rows
    assert "" not in [value for record in page["history"] for value in record.values()]


@given(st.text(st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="\ufffe\uffff")))
def test_what_xml_can_hold_is_kept(text) -> None:
    """Nothing is replaced that needn't be."""
    assert xml_safe(text + "\t\n\r\x7f\x85") == text + "\t\n\r\x7f\x85"
