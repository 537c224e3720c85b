"""From records to clicks: the known fields by their names, the rest kept, nonsense refused."""

import json
from typing import Any

import pytest
from support.clicks import click

from archiver.errors import WindowError
from archiver.model import Click
from archiver.sources.records import CLICK_NAMES, RecordReader
from archiver.timestamps import LocalTimes

AT = "2026-11-19 12:00:00"
FULL = {
    "clicked_at": "2026-11-19 07:00:00",
    "id": "5",
    "link_id": "17",
    "link": "http://linktrack.info/.13jgu",
    "external_url": "https://example.com/",
    "title": "One",
    "group": "g",
    "ip": "192.0.2.1",
    "country": "DE",
    "referrer": "https://r.example/",
    "user_agent": "Mozilla/5.0",
    "is_unique": "1",
    "conversion": "1.50",
}


def read(*records: dict[str, Any], names: dict[str, str] | None = None, zone="UTC") -> list[Click]:
    reader = RecordReader(
        account="acme", service="linktrack", to_utc=LocalTimes(zone).to_utc, names=names or {}
    )
    return [Click._make(row) for row in reader.read(records)]


def test_a_full_record_is_a_full_click():
    """Each field goes where it belongs; the time is the account's, and its text is kept."""
    (row,) = read(FULL, zone="America/New_York")
    assert row == Click(
        account="acme",
        service="linktrack",
        clicked_at="2026-11-19T12:00:00Z",
        clicked_at_source="2026-11-19 07:00:00",
        id="5",
        link_id="17",
        link="http://linktrack.info/.13jgu",
        destination="https://example.com/",
        title="One",
        group="g",
        ip="192.0.2.1",
        country="DE",
        referrer="https://r.example/",
        user_agent="Mozilla/5.0",
        is_unique=True,
        conversion="1.50",
        extra=None,
    )


def test_no_records_are_no_clicks():
    """An empty page is an empty list."""
    assert read() == []


def test_records_keep_their_order():
    """Row by row as the service gave them, none left out."""
    records = [{"clicked_at": AT, "id": str(number)} for number in (3, 1, 2, 1)]
    assert [row.id for row in read(*records)] == ["3", "1", "2", "1"]


@pytest.mark.parametrize("name", [name for name in CLICK_NAMES if name != "clicked_at"])
@pytest.mark.parametrize("nothing", ["", None])
def test_no_value_is_none(name, nothing):
    """Empty, null and absent fields are all None, never an empty text."""
    assert read({"clicked_at": AT, name: nothing}) == read({"clicked_at": AT}) == [click()]


@pytest.mark.parametrize("name", [name for name in CLICK_NAMES if name != "clicked_at"])
def test_a_nothing_beside_an_unknown_field_is_nothing_too(name):
    """What one record has of unknown fields changes no other record of its page."""
    odd = {"clicked_at": AT, "x": "y"}
    assert read({"clicked_at": AT, name: ""}, odd)[0] == click()
    assert read({"clicked_at": AT, name: "", "x": "y"})[0].extra == '{"x":"y"}'


@pytest.mark.parametrize(
    ("value", "unique"),
    [("1", True), ("0", False), ("true", True), ("false", False), (True, True), (False, False)],
)
def test_uniqueness_is_read_in_each_of_its_forms(value, unique):
    """A digit, a word or JSON's own boolean: it is the same."""
    (row,) = read({"clicked_at": AT, "is_unique": value})
    assert (row.is_unique, row.extra) == (unique, None)


@pytest.mark.parametrize("value", ["yes", "2", "True", " 1", "-"])
def test_unreadable_uniqueness_is_kept_in_extra(value):
    """What can't be read as true or false is None, and the service's own word isn't lost."""
    plain, odd = read({"clicked_at": AT, "is_unique": "1"}, {"clicked_at": AT, "is_unique": value})
    assert (plain.is_unique, plain.extra) == (True, None)
    assert odd.is_unique is None
    assert json.loads(odd.extra) == {"is_unique": value}


def test_unreadable_uniqueness_keeps_the_services_name():
    """A renamed field stands in `extra` under the name that the service gave it."""
    (row,) = read({"clicked_at": AT, "uniq": "maybe"}, names={"is_unique": "uniq"})
    assert row.extra == '{"uniq":"maybe"}'


def test_booleans_in_text_fields_are_words():
    """A boolean where a text should be is `true` or `false`, as XML would have it."""
    (row,) = read({"clicked_at": AT, "conversion": True, "title": False})
    assert (row.conversion, row.title) == ("true", "false")


@pytest.mark.parametrize("name", CLICK_NAMES)
@pytest.mark.parametrize("value", [[], {}, ["a"], {"a": "b"}])
def test_a_nested_value_in_a_known_field_is_refused(name, value):
    """A list or an object where a text should be: the error names the record and the field."""
    with pytest.raises(WindowError, match=rf"record 2 of a page .*; {name}: a \w+, not a text"):
        read({"clicked_at": AT}, {"clicked_at": AT, name: value})


def test_unknown_fields_are_kept_sorted():
    """All that we don't know is one JSON object, its keys in order on each level."""
    nested = {"b": ["1", None, True], "a": "ü"}
    plain, odd = read({"clicked_at": AT}, {"clicked_at": AT, "z": "1", "device": nested, "A": "2"})
    assert plain.extra is None
    assert odd.extra == '{"A":"2","device":{"a":"ü","b":["1",null,true]},"z":"1"}'


@pytest.mark.parametrize("nothing", ["", None])
def test_an_unknown_field_without_a_value_is_null(nothing):
    """In `extra` too there is no empty text: XML knows no difference."""
    assert read({"clicked_at": AT, "device": nothing})[0].extra == '{"device":null}'


def test_values_nested_too_deep_are_refused():
    """What can't be kept is an error, not a crash."""
    value: list[Any] = []
    for _ in range(300):
        value = [value]
    with pytest.raises(WindowError, match="nested too deep to be kept"):
        read({"clicked_at": AT, "device": value})


def test_fields_may_have_other_names():
    """A renamed field is read from its new name; its old name is an unknown field then."""
    names = {"clicked_at": "created_at", "referrer": "referer", "user_agent": "agent"}
    record = {"created_at": AT, "referer": "r", "agent": "a", "referrer": "other"}
    (row,) = read(record, names=names)
    assert row == click(referrer="r", user_agent="a", extra='{"referrer":"other"}')


def test_two_names_may_be_exchanged():
    """A service that calls one field by another's name is no trouble."""
    (row,) = read(
        {"clicked_at": AT, "link": "17", "link_id": "http://l/"},
        names={"link": "link_id", "link_id": "link"},
    )
    assert (row.link, row.link_id, row.extra) == ("http://l/", "17", None)


@pytest.mark.parametrize("record", [{}, {"clicked_at": None}, {"clicked_at": ""}, {"id": "5"}])
def test_a_click_without_a_time_is_refused(record):
    """There is no click without a time: the error names the record and the remedy."""
    with pytest.raises(
        WindowError, match=r"record 2 .*\[accounts\.fields\]; clicked_at: it has no time"
    ):
        read({"clicked_at": AT}, record)


@pytest.mark.parametrize("time", ["yesterday", "2026-02-30 10:00:00", "1763553600", "2026-11-19"])
def test_a_time_that_is_none_is_refused(time):
    """The error quotes the time and the service's name of the field."""
    with pytest.raises(WindowError, match=f"record 1 of a page .* created_at: .*{time}"):
        read({"created_at": time}, names={"clicked_at": "created_at"})


def test_a_boolean_is_no_time():
    """Even where a boolean can be taken for text, it is no time."""
    with pytest.raises(WindowError, match="true"):
        read({"clicked_at": True})
