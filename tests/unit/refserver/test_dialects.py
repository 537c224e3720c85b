"""Each dialect of the contract, alone and together."""

from datetime import UTC, datetime, timedelta
from itertools import combinations

import pytest
import requests

from refserver.app import create_app
from refserver.database import NewClick
from refserver.dialects import NAMES

MORNING = datetime(2026, 3, 1, tzinfo=UTC)
WINDOW = {"start": "2026-03-01 00:00:00", "end": "2026-03-01 00:10:00"}


@pytest.fixture(autouse=True)
def clicks(database) -> None:
    """1,200 clicks, two a second from 2026-03-01 00:00:00 on."""
    account_id = database.add_account("acme", "secret", "UTC")
    link_id = database.add_link(account_id, external_url="https://example.com/", title="Sale")
    database.add_clicks(
        account_id,
        [
            NewClick(link_id, MORNING + timedelta(seconds=n // 2), "198.18.0.1", "US", "r", "b")
            for n in range(1200)
        ],
    )


def test_an_unknown_dialect_is_refused(database) -> None:
    """A misspelt dialect is an error, not the plain contract."""
    with pytest.raises(ValueError, match="no such dialect: no-totals; known: no-total"):
        create_app(database, ["no-totals"])


def test_no_total_leaves_out_the_total(serve) -> None:
    """The rest of the envelope stays."""
    api = serve("no-total")
    assert list(api.json(**WINDOW)) == ["error", "msg", "limit", "offset", "history"]
    assert [child.tag for child in api.xml(**WINDOW)] == [
        "error",
        "msg",
        "limit",
        "offset",
        "history",
    ]


def test_no_id_leaves_out_the_clicks_id_alone(serve) -> None:
    """Two clicks of one second are then alike to the letter."""
    api = serve("no-id")
    first, second = api.json(**WINDOW, limit=2)["history"]
    assert first == second
    assert list(first)[:3] == ["link_id", "link", "external_url"]
    assert len(first) == 12
    assert api.xml(**WINDOW).find("history/record/id") is None


def test_no_offset_gives_the_first_page_always(serve) -> None:
    """Any offset is ignored, a bad one too, and 0 is stated."""
    api = serve("no-offset")
    first = api.json(**WINDOW, limit=10)
    for offset in ("10", "5000", "x"):
        assert api.json(**WINDOW, limit=10, offset=offset) == first
    assert first["offset"] == 0
    assert first["total"] == 1200


def test_cap_500_states_the_limit_that_was_asked(serve) -> None:
    """500 records at most, whatever was asked and is stated; pages go on by offset."""
    api = serve("cap-500")
    page = api.json(**WINDOW)
    assert (len(page["history"]), page["limit"], page["total"]) == (500, 1000, 1200)
    assert len(api.json(**WINDOW, limit=501)["history"]) == 500
    assert len(api.json(**WINDOW, limit=499)["history"]) == 499
    assert len(api.json(**WINDOW, offset=1000)["history"]) == 200
    assert api.post(limit=1001).status_code == 400


def test_inclusive_end_takes_the_last_second_in(serve) -> None:
    """`end` is in, so that a start equal to it gives that second alone."""
    second = {"start": "2026-03-01 00:00:05", "end": "2026-03-01 00:00:05"}
    assert serve().json(**second)["total"] == 0
    page = serve("inclusive-end").json(**second)
    assert page["total"] == len(page["history"]) == 2


def test_newest_first_ignores_the_order(serve) -> None:
    """The newest comes first, whatever order is asked; a bad one is ignored as well."""
    expected = serve().json(**WINDOW, order="desc")
    api = serve("newest-first")
    for order in (None, "asc", "desc", "x"):
        page = api.json(**WINDOW, order=order)
        assert [click["id"] for click in page["history"]] == [
            click["id"] for click in expected["history"]
        ]


@pytest.mark.parametrize("form", ["xml", "json"])
def test_legacy_errors_are_plain_text_and_200(serve, form) -> None:
    """Every error is a success with a text, whatever the format asked."""
    api = serve("legacy-errors")
    answers = [
        api.post(format=form, **{"pass": "wrong"}),
        api.post(format=form, limit="x"),
        api.post(format="yaml"),
        api.session.get(f"{api.url}/api/v1_0/nope?format={form}"),
        api.session.put(f"{api.url}/api/v1_0/getLinkHistory?format={form}"),
        requests.post(
            f"{api.url}/api/v1_0/getLinkHistory?format={form}", data="a" * 2_000_000, timeout=10
        ),
    ]
    for answer in answers:
        assert answer.status_code == 200
        assert answer.headers["Content-Type"] == "text/plain; charset=utf-8"
        assert answer.text.startswith("Error: ")
    assert answers[1].text == "Error: limit: takes a whole number from 1 to 1000"
    assert api.json(**WINDOW)["total"] == 1200


def test_legacy_errors_cover_the_unexpected(serve, database) -> None:
    """What the server itself fails at is a plain text too."""
    with database.writing() as connection:
        connection.execute("DROP TABLE clicks")
    answer = serve("legacy-errors").post()
    assert (answer.status_code, answer.text[:7]) == (200, "Error: ")


def test_renamed_knows_the_other_names_only(serve) -> None:
    """Parameters and a click's fields have other names; the old ones are unknown, so ignored."""
    api = serve("renamed")
    asked = {"date_from": WINDOW["start"], "date_to": WINDOW["end"], "count": 3, "skip": 2}
    page = api.json(**asked)
    assert (page["total"], page["limit"], page["offset"]) == (1200, 3, 2)
    click = page["history"][0]
    assert click["id"] == "3"
    assert (click["created_at"], click["referer"], click["agent"]) == (
        "2026-03-01 00:00:01",
        "r",
        "b",
    )
    assert not {"clicked_at", "referrer", "user_agent"} & set(click)
    assert api.xml(**asked).findtext("history/record/created_at") == "2026-03-01 00:00:01"
    assert api.json(**asked, start="x", end="x", limit="x", offset="x") == page
    assert api.json(**WINDOW)["total"] == 0, "the default window, which holds nothing"


def test_renamed_names_bad_parameters_as_they_are_sent(serve) -> None:
    """The message speaks of the name that the client has to correct."""
    response = serve("renamed").post(format="json", date_from="x")
    assert response.json()["msg"].startswith("date_from: takes ")


def test_all_dialects_combine(serve) -> None:
    """With every switch on, each still does its part."""
    api = serve(*NAMES)
    page = api.json(date_from=WINDOW["start"], date_to="2026-03-01 00:05:00", skip=7, order="asc")
    assert list(page) == ["error", "msg", "limit", "offset", "history"]
    assert (page["limit"], page["offset"], len(page["history"])) == (1000, 0, 500)
    assert page["history"][0]["created_at"] == "2026-03-01 00:05:00"
    assert "id" not in page["history"][0]
    assert api.post(count="x").text.startswith("Error: count: ")


def test_any_two_dialects_combine(database) -> None:
    """No pair of switches breaks the page."""
    for pair in combinations(NAMES, 2):
        client = create_app(database, pair).test_client()
        names = ("date_from", "date_to") if "renamed" in pair else ("start", "end")
        window = dict(zip(names, WINDOW.values(), strict=True))
        answer = client.post(
            "/api/v1_0/getLinkHistory",
            data={"login": "acme", "pass": "secret", "format": "json", **window},
        )
        assert len(answer.json["history"]) == (500 if "cap-500" in pair else 1000), pair
        assert ("total" in answer.json) == ("no-total" not in pair), pair
        assert ("id" in answer.json["history"][0]) == ("no-id" not in pair), pair
