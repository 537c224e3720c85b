"""A click as one line of JSON, there and back."""

import json

import pytest
from hypothesis import given
from support.clicks import NOON, any_clicks, changed, click, extras, unhurried

from archiver.lines import is_click, line_of, row_of, time_of
from archiver.model import CLICK_FIELDS


@unhurried
@given(any_clicks)
def test_a_line_gives_its_click_back(row):
    """Whatever text a click holds, control characters and NUL too, its line holds it."""
    assert row_of(line_of(row)) == row


@unhurried
@given(any_clicks)
def test_a_line_is_one_line(row):
    """There is one newline, at the end, and any JSON reader finds the fields in their order."""
    line = line_of(row)
    assert line.index(b"\n") == len(line) - 1
    assert list(json.loads(line)) == list(CLICK_FIELDS)


@unhurried
@given(any_clicks)
def test_the_time_of_a_line_is_its_clicks_time(row):
    """No text in any field is taken for the time."""
    assert time_of(line_of(row)) == NOON


def test_a_time_within_a_text_is_not_the_lines_time():
    """A user agent that quotes a line of the archive stays a user agent."""
    inner = line_of(click("2020-01-01T00:00:00Z")).decode()
    assert time_of(line_of(click(user_agent=inner, title=inner))) == NOON


@unhurried
@given(extras)
def test_extra_stands_as_an_object(extra):
    """What the service sent and we don't know is JSON within JSON, not a text."""
    assert json.loads(line_of(click(extra=extra)))["extra"] == json.loads(extra)


def test_extra_comes_back_in_one_order():
    """However a line's `extra` is spaced and ordered, the click's is the same."""
    line = line_of(click(extra='{"a":"1","b":{"c":null,"d":[true]}}'))
    other = line.replace(
        b'{"a":"1","b":{"c":null,"d":[true]}}', b'{ "b": {"d": [true], "c": null}, "a": "1" }'
    )
    assert line != other
    assert row_of(other) == row_of(line)


def test_what_is_a_character_of_its_own_stays_readable():
    """Text beyond ASCII isn't escaped, and a line separator of Unicode doesn't end the line."""
    line = line_of(click(title="Grüße 🎉\u2028"))
    assert "Grüße 🎉\u2028" in line.decode()


@pytest.mark.parametrize(
    "line",
    [b"", b"\n", b'{"account":', b'{"account":"acme"}', b"\xff\xfe", line_of(click())[:-9]],
)
def test_half_a_line_is_no_click(line):
    """What isn't a whole click raises ValueError or KeyError."""
    with pytest.raises((ValueError, KeyError)):
        row_of(line)


@pytest.mark.parametrize("line", [b"", b"{}", b'{"clicked_at":null}', b'{"title":"clicked_at"}'])
def test_a_line_without_a_time_has_none(line):
    """No time is a ValueError, never a wrong time."""
    with pytest.raises(ValueError, match="not found"):
        time_of(line)


@unhurried
@given(any_clicks)
def test_a_click_is_a_click(row):
    """Whatever its texts are, and so is what its line gives back."""
    assert is_click(row)
    assert is_click(row_of(line_of(row)))


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("account", None),
        ("service", None),
        ("clicked_at", None),
        ("clicked_at", 5),
        ("clicked_at", "2026-11-19"),
        ("clicked_at", "2026-11-31T00:00:00Z"),
        ("clicked_at_source", None),
        ("title", 5),
        ("ip", b"x"),
        ("link", ["http://l/.1"]),
        ("user_agent", "\ud800"),
        ("is_unique", 1),
        ("is_unique", "true"),
        ("extra", "{"),
        ("extra", "[]"),
        ("extra", {"a": 1}),
    ],
)
def test_what_is_no_click(field, value):
    """A value that no service and no store could have put there."""
    assert not is_click(changed(click(), **{field: value}))


def test_too_few_values_are_no_click():
    """Nor too many."""
    assert not is_click(click()[:-1])
    assert not is_click((*click(), None))
