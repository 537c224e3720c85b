"""The server of the measurement: right for whatever a program may ask it for."""

import json
from collections.abc import Iterator
from datetime import timedelta
from urllib.parse import urlencode
from urllib.request import urlopen
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.clicks import unhurried

from archiver.sources.envelope import parse_envelope
from benchmarks.history import History, local_text, window
from benchmarks.served import Service, serving

_CLICKS, _DAYS = 700, 2
_RECORDS = list(History(_CLICKS).records(3, _DAYS))
_SERVICE = Service(_CLICKS, 3, _DAYS)
_SECONDS = _DAYS * 86_400


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with serving(_CLICKS, 3, _DAYS) as address:
        yield address


@unhurried
@given(
    bounds=st.tuples(st.integers(-5, _SECONDS + 5), st.integers(-5, _SECONDS + 5)).map(sorted),
    offset=st.integers(0, 1500),
    limit=st.integers(1, 1200),
    form=st.sampled_from(["json", "xml"]),
    with_ids=st.booleans(),
)
def test_any_page_of_any_window(
    bounds: list[int], offset: int, limit: int, form: str, *, with_ids: bool
) -> None:
    """Whatever the window, the offset and the limit: those records, and what is stated of them."""
    first = window(3, _DAYS).start
    start, end = (local_text(first + timedelta(seconds=seconds)) for seconds in bounds)
    asked = {"start": start, "end": end, "offset": offset, "limit": limit, "format": form}
    texts = {name: str(value) for name, value in asked.items()}
    page = parse_envelope(b"".join(_SERVICE.page(texts, with_ids=with_ids)), form, "history")
    matching = [each for each in _RECORDS if start <= (each["clicked_at"] or "") < end]
    expected = matching[offset : offset + min(limit, 1000)]
    if not with_ids:
        expected = [{k: v for k, v in each.items() if k != "id"} for each in expected]
    assert (page.total, page.limit, page.offset) == (len(matching), min(limit, 1000), offset)
    assert list(page.records) == expected


def test_answers_over_http(address: str) -> None:
    """By GET and by POST, with and without ids, one after the other, counted."""
    asked = {"start": "2024-01-01", "end": "2025-01-01", "offset": 0, "limit": 10}
    asked_json = urlencode({**asked, "format": "json"})
    with urlopen(f"{address}/api/v1_0/getLinkHistory?{asked_json}") as answer:
        assert json.load(answer)["history"] == _RECORDS[:10]
        assert answer.headers["Date"].endswith(" GMT")
    with urlopen(f"{address}/no-ids/getLinkHistory", asked_json.encode()) as answer:
        assert "id" not in json.load(answer)["history"][0]
    with urlopen(f"{address}/slow/1/getLinkHistory", urlencode(asked).encode()) as answer:
        assert len(ET.fromstring(answer.read()).findall("history/record")) == 10
    with urlopen(f"{address}/requests") as answer:
        assert int(answer.read()) == 3
