"""Clicks as tests need them: one made by hand, and any that there can be."""

from typing import Any

import orjson
from hypothesis import settings
from hypothesis import strategies as st

from archiver.model import CLICK_FIELDS, Click, Row

NOON = "2026-11-19T12:00:00Z"

#: For properties: a busy machine is no failure, and every run of the tests is one more search.
unhurried = settings(deadline=None, max_examples=40)


def click(clicked_at: str = NOON, **values: Any) -> Row:
    """A click of the account `acme` without anything that isn't stated."""
    nothing = dict.fromkeys(CLICK_FIELDS)
    source = clicked_at.replace("T", " ").removesuffix("Z")
    given = {"account": "acme", "service": "linktrack", "clicked_at": clicked_at, **values}
    return tuple(Click(**{**nothing, "clicked_at_source": source, **given}))


def changed(row: Row, **values: Any) -> Row:
    """The click with other values in some of its fields."""
    return tuple(Click._make(row)._replace(**values))


#: Any text that can be stored: control characters, NUL and all, but no lone surrogates.
texts = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=12)

_json = st.recursive(
    st.none() | st.booleans() | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=6,
)
extras = st.dictionaries(texts, _json, min_size=1, max_size=3).map(
    lambda fields: orjson.dumps(fields, option=orjson.OPT_SORT_KEYS).decode()
)
_maybe = st.none() | texts
_FREE = ("link_id", "link", "destination", "title", "group", "ip", "country", "referrer",
         "user_agent", "conversion")  # fmt: skip

#: Clicks of one second with anything in their fields; most of them are unlike.
any_clicks = st.builds(
    click,
    clicked_at_source=texts,
    id=_maybe,
    is_unique=st.none() | st.booleans(),
    extra=st.none() | extras,
    **dict.fromkeys(_FREE, _maybe),
)

#: Clicks without ids out of few values, so that many are alike in identity, in facts, or in all.
alike_clicks = st.builds(
    click,
    st.sampled_from([NOON, "2026-11-19T12:00:01Z"]),
    link_id=st.sampled_from([None, "17"]),
    link=st.sampled_from([None, "http://l/.1"]),
    title=st.sampled_from([None, "T"]),
    ip=st.sampled_from([None, "192.0.2.1"]),
    country=st.sampled_from([None, "DE", "FR"]),
    is_unique=st.sampled_from([None, True, False]),
    conversion=st.sampled_from([None, "1.50"]),
)
