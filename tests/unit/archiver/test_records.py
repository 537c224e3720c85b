"""From records to clicks: the known fields by their names, the rest kept, nonsense set aside."""

import json
from typing import Any

import pytest
from support.clicks import click

from archiver.errors import WindowError
from archiver.model import Click, Rejected
from archiver.privacy import Treatment, dropped, treatment
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


def open_reader(
    names: dict[str, str] | None = None, zone: str = "UTC", treat: Treatment | None = None
) -> RecordReader:
    return RecordReader(
        account="acme",
        service="linktrack",
        to_utc=LocalTimes(zone).to_utc,
        names=names or {},
        treat_address=treat,
    )


def read(*records: dict[str, Any], **options: Any) -> list[Click]:
    """The clicks of records that can all be understood."""
    rows, rejected = open_reader(**options).read(records)
    assert rejected == []
    return [Click._make(row) for row in rows]


def reject(record: dict[str, Any], **options: Any) -> Rejected:
    """What becomes of a record that can't be understood, between two that can."""
    names = options.get("names") or {}
    well = {names.get("clicked_at", "clicked_at"): AT}
    rows, [rejected] = open_reader(**options).read([well, record, well])
    assert len(rows) == 2
    assert rejected.position == 1
    return rejected


def nested(depth: int) -> list[Any]:
    value: list[Any] = []
    for _ in range(depth):
        value = [value]
    return value


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
def test_a_nested_value_in_a_known_field_is_set_aside(name, value):
    """A list or an object where a text should be: the reason names the field."""
    rejected = reject({"clicked_at": AT, name: value})
    assert rejected.reason == f"{name}: a {type(value).__name__}, not a text"
    assert json.loads(rejected.text) == {"clicked_at": AT, name: value}


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


def test_values_nested_too_deep_are_set_aside():
    """What can't be kept as an unknown field can be kept as text."""
    rejected = reject({"clicked_at": AT, "device": nested(300)})
    assert rejected.reason == "it has values nested too deep to be kept"
    assert json.loads(rejected.text) == {"clicked_at": AT, "device": nested(300)}


def test_values_nested_beyond_all_text_are_an_error():
    """What can't be written as text at all isn't taken for archived."""
    record = {"clicked_at": AT, "device": nested(2_000)}
    with pytest.raises(WindowError, match="nested too deep to be kept"):
        open_reader().read([record])


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
def test_a_click_without_a_time_is_set_aside(record):
    """There is no click without a time; what there is of it is kept."""
    rejected = reject(record)
    assert rejected.reason == "clicked_at: it has no time"
    assert json.loads(rejected.text) == {name: value for name, value in record.items() if value}


@pytest.mark.parametrize(
    "time",
    ["yesterday", "2026-02-30 10:00:00", "1763553600", "2026-11-20", "0001-01-01 00:00:00", True],
)
def test_a_time_that_is_none_is_set_aside(time):
    """The reason has the service's name of the field, and doesn't quote what stands there."""
    rejected = reject({"created_at": time}, names={"clicked_at": "created_at"})
    assert rejected.reason.startswith(("created_at: not a time", "created_at: a time in the"))
    assert str(time) not in rejected.reason
    assert json.loads(rejected.text) == {"created_at": time}


def test_what_is_set_aside_says_where_it_stood():
    """The clicks keep their order, and so do the others; each is one of them."""
    records = [{"clicked_at": AT, "id": "1"}, {"id": "2"}, {"id": "3", "title": []},
               {"clicked_at": AT, "id": "4"}, {"id": "5", "clicked_at": "x"}]  # fmt: skip
    rows, rejected = open_reader().read(records)
    assert [Click._make(row).id for row in rows] == ["1", "4"]
    assert [(record.id, record.position) for record in rejected] == [("2", 1), ("3", 2), ("5", 4)]


def test_the_time_of_what_is_set_aside_is_told_where_it_has_one():
    """A record may be understood that far."""
    assert reject({"clicked_at": AT, "title": []}).clicked_at == "2026-11-19T12:00:00Z"
    for time in ("x", "9999-12-31 00:00:00", [], None):
        assert reject({"clicked_at": time, "title": []}).clicked_at is None


def test_an_id_that_is_no_text_is_none():
    """Nor is an empty one."""
    assert [reject({"id": value}).id for value in ("7", "", ["7"])] == ["7", None, None]


def test_a_page_without_the_times_field_has_other_names():
    """Then it isn't the records that are wrong: the error names the setting, nothing is kept."""
    for records in ([{"id": "5", "created_at": AT}], [{}] * 3):
        with pytest.raises(WindowError, match=r"no record has the field clicked_at, .*\[accounts"):
            open_reader().read(records)


def test_a_page_without_the_times_field_is_believed_after_another():
    """Where the names were right before, a lone record without the field is wrong itself."""
    for earlier in ({"clicked_at": AT}, {"clicked_at": None}):
        reader = open_reader()
        reader.read([earlier])
        assert [record.id for record in reader.read([{"id": "5"}])[1]] == ["5"]


# When two of those set aside are one


def test_two_forms_of_a_record_are_one():
    """The order of its fields, and how a field says that it has no value, make no difference."""
    record = {"id": "5", "ip": "192.0.2.1", "device": "x"}
    forms = [record, dict(reversed(record.items())), {**record, "clicked_at": ""},
             {**record, "clicked_at": None, "referrer": ""}]  # fmt: skip
    assert len({(reject(form).text, reject(form).event) for form in forms}) == 1


@pytest.mark.parametrize("name", ["external_url", "title", "group"])
def test_what_belongs_to_the_link_makes_no_other_record(name):
    """Its text is another one, but a renamed link doubles nothing."""
    one, other = (reject({"link_id": "17", name: text}) for text in ("a", "b"))
    assert one.event == other.event
    assert one.text != other.text


@pytest.mark.parametrize("name", [*CLICK_NAMES[1:4], *CLICK_NAMES[7:], "device"])
def test_all_else_does(name):
    """Two records that differ in anything else are two."""
    assert reject({"country": "DE", name: "a"}).event != reject({"country": "DE", name: "b"}).event


# Addresses

HASH = treatment("hash", b"k" * 32)


@pytest.mark.parametrize(
    ("treat", "kept"),
    [
        (None, "192.0.2.17"),
        (treatment("truncate"), "192.0.2.0"),
        (HASH, HASH("192.0.2.17")),
        (dropped, None),
    ],
)
def test_addresses_are_treated(treat, kept):
    """Each in its column, whatever the field is called; where there is none, there is none."""
    names = {"ip": "client"}
    rows = read({"clicked_at": AT, "client": "192.0.2.17"}, {"clicked_at": AT},
                names=names, treat=treat)  # fmt: skip
    assert rows == [click(ip=kept), click()]
    rejected = reject({"client": "192.0.2.17"}, names=names, treat=treat)
    assert json.loads(rejected.text) == {"client": kept}


@pytest.mark.parametrize("treat", [treatment("truncate"), HASH, dropped], ids=["/24", "#", "-"])
@pytest.mark.parametrize(
    "record",
    [
        {"ip": ["192.0.2.17"]},
        {"ip": {"v4": "192.0.2.17", "v6": None}},
        {"ip": "192.0.2.17 via proxy"},
        {"clicked_at": "192.0.2.17"},
        {"clicked_at": AT, "ip": "192.0.2.17", "peer": "192.0.2.17", "title": "x"},
        {"clicked_at": AT, "peers": [{"of": "::ffff:192.0.2.17"}, "192.0.2.17:80, 10.0.0.1"]},
        {"clicked_at": AT, "device": {"192.0.2.17": "1", "10.0.0.1": "2"}},
        {"device": {"192.0.2.17": "1"}, "peer": "192.0.2.17"},
        {"clicked_at": AT, "ip": "192.0.2.17 (?)", "device": "x"},
    ],
)
def test_no_address_is_left_in_clear(treat, record):
    """Not under a field that we don't know, not in what can't be understood, not in a reason."""
    rows, rejected = open_reader(treat=treat).read([{"clicked_at": AT}, record])
    assert "192.0.2.17" not in repr((rows, rejected))


def test_an_old_name_of_the_addresss_field_is_treated_too():
    """Where addresses have another name, a field `ip` may hold one; unless it means another."""
    record = {"clicked_at": AT, "client": "192.0.2.1", "ip": "not 192.0.2.17"}
    [row] = read(record, names={"ip": "client"}, treat=dropped)
    assert row.extra == '{"ip":null}'
    [row] = read(record, names={"ip": "client", "title": "ip"}, treat=dropped)
    assert (row.title, row.extra) == ("not 192.0.2.17", None)


def test_unknown_fields_stay_in_order_when_they_are_treated():
    """A line that is read again from a file is the same line."""
    networks = {f"10.0.0.{number}": "x" for number in range(9)}
    unknown = {"a": "1", "device": {"9": "x", "b": "192.0.2.17", **networks}}
    [row] = read({"clicked_at": AT, **unknown}, treat=HASH)
    assert row.extra == json.dumps(json.loads(row.extra), sort_keys=True, separators=(",", ":"))
    assert HASH("192.0.2.17") in row.extra
