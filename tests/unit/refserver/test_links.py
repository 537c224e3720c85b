"""getLinks."""

import time
from datetime import UTC, datetime, timedelta

import pytest

from refserver.records import NewClick, NewLink

NOON = datetime(2026, 6, 1, 16, 0, tzinfo=UTC)  # 12:00 in New York
FIELDS = [
    *("id", "link", "external_url", "host", "title", "vanity_link", "description", "notes"),
    *("group", "clicks", "unique_clicks", "created_at", "expires_at", "is_active", "is_public"),
]


def ids(records) -> list[str]:
    return [record["id"] for record in records]


@pytest.fixture
def five(database, account_id) -> list[int]:
    """Five links; clicks, of which unique: 3 and 1, none, 1 and 1, 3 and 2, none."""
    link_ids = database.add_links(
        account_id,
        [
            NewLink(external_url="https://a.example/Straße", title="Zoo", created_at=NOON),
            NewLink(external_url="https://b.example/", title="ape", group="mail"),
            NewLink(external_url="https://c.example/", title="Bee", group="mail"),
            NewLink(external_url="https://d.example/", description="Größe", created_at=NOON),
            NewLink(external_url="https://e.example/", title="ape", notes="größe"),
        ],
    )
    unique = {1: (True, False, False), 3: (True,), 4: (True, True, False)}
    database.add_clicks(
        account_id,
        [NewClick(link, NOON, is_unique=one) for link, every in unique.items() for one in every],
    )
    return link_ids


def test_json_has_the_contracts_shape(serve, database, account_id) -> None:
    """All fields of a link, each a string, or null where there is no value."""
    link = NewLink(
        external_url="https://example.com/?a=1&b=2",
        host="go.example.com",
        title="Sale",
        vanity_link="sale",
        description="All & everything",
        notes="till May",
        group="mail",
        password="hidden",
        created_at=NOON,
        expires_at="2027-01-01 00:00:00",
        alert_at=5,
        deactivate_at=9,
        is_active=False,
        is_public=True,
    )
    database.add_links(account_id, [link, NewLink(external_url="https://example.org/")])
    api = serve()
    page = api.call("getLinks", format="json").json()
    assert page == {
        "error": 0,
        "msg": "",
        "total": 2,
        "limit": 1000,
        "offset": 0,
        "links": [
            {
                "id": "1",
                "link": "http://go.example.com/sale",
                "external_url": "https://example.com/?a=1&b=2",
                "host": "go.example.com",
                "title": "Sale",
                "vanity_link": "sale",
                "description": "All & everything",
                "notes": "till May",
                "group": "mail",
                "clicks": "0",
                "unique_clicks": "0",
                "created_at": "2026-06-01 12:00:00",
                "expires_at": "2027-01-01 00:00:00",
                "is_active": "0",
                "is_public": "1",
            },
            {
                **dict.fromkeys(FIELDS),
                "id": "2",
                "link": api.url + "/.2",
                "external_url": "https://example.org/",
                "clicks": "0",
                "unique_clicks": "0",
                "is_active": "1",
                "is_public": "0",
            },
        ],
    }


def test_xml_has_the_contracts_shape(serve, database, account_id) -> None:
    """XML is the default, byte for byte as the contract writes it."""
    link = NewLink(external_url="https://example.com/?a=1&b=2", created_at=NOON)
    (link_id,) = database.add_links(account_id, [link])
    database.add_clicks(account_id, [NewClick(link_id, NOON), NewClick(link_id, NOON)])
    api = serve()
    response = api.call("getLinks")
    assert response.headers["Content-Type"] == "text/xml; charset=utf-8"
    assert response.text == (
        "<response><error>0</error><msg/><total>1</total><limit>1000</limit><offset>0</offset>"
        f"<links><record><id>1</id><link>{api.url}/.1</link>"
        "<external_url>https://example.com/?a=1&amp;b=2</external_url><host/><title/>"
        "<vanity_link/><description/><notes/><group/><clicks>2</clicks>"
        "<unique_clicks>2</unique_clicks><created_at>2026-06-01 12:00:00</created_at>"
        "<expires_at/><is_active>1</is_active><is_public>0</is_public></record></links></response>"
    )


def test_totals_are_counted_from_the_clicks(serve, five) -> None:
    """All clicks, and those of them that are unique."""
    totals = [(link["clicks"], link["unique_clicks"]) for link in serve().links()]
    assert totals == [("3", "1"), ("0", "0"), ("1", "1"), ("3", "2"), ("0", "0")]


@pytest.mark.parametrize(
    ("sort", "order", "expected"),
    [
        (None, None, "12345"),
        ("id", "desc", "54321"),
        ("title", "asc", "43125"),
        ("title", "desc", "25134"),
        ("clicks", "asc", "25314"),
        ("clicks", "desc", "14325"),
        ("unique_clicks", "desc", "41325"),
        ("created_at", "asc", "23514"),
        ("created_at", "desc", "14235"),
    ],
)
def test_links_are_sorted(serve, five, sort, order, expected) -> None:
    """By what is asked, titles by code points; alike ones by id, whatever the order."""
    assert "".join(ids(serve().links(sort=sort, order=order))) == expected


def test_filters_narrow(serve, five) -> None:
    """Ids, a group, a text; together they narrow, and the total follows."""
    api = serve()

    def found(**filters) -> str:
        page = api.call("getLinks", format="json", **filters).json()
        assert page["total"] == len(page["links"])
        return "".join(ids(page["links"]))

    assert found(link_id="3") == "3"
    assert found(link_id="5,2,99") == "25"
    assert found(group="mail") == "23"
    assert found(group="MAIL") == ""
    assert found(group="mail", link_id="3,4") == "3"
    assert found(search="APE") == "25"
    assert found(search="GRÖSSE") == "4", "descriptions are searched, notes aren't"
    assert found(search="strasse") == "1"
    assert found(search="b.example") == "2"
    assert found(search="%") == ""
    assert found(search="ape", group="mail") == "2"
    assert found(search="zoohttps") == "", "no text is found across two fields"


def test_an_account_sees_its_own_links_only(serve, database, five) -> None:
    """Another account's links aren't there, whatever is asked for."""
    database.add_account("other", "secret", "UTC")
    assert serve().links(login="other", link_id="1,2,3") == []


@pytest.mark.parametrize("sort", ["title", "clicks", "unique_clicks", "created_at"])
@pytest.mark.parametrize("order", ["asc", "desc"])
def test_pages_of_equal_values_neither_repeat_nor_skip(
    serve, database, account_id, sort, order
) -> None:
    """3,000 links that are all alike come once each, in pages of any size."""
    database.add_links(
        account_id,
        # Of several groups, so that an index would give them in another order than that of ids.
        [NewLink(external_url="https://e.org/", group=f"group {n % 7}") for n in range(3000)],
    )
    api = serve()
    seen = [
        link["id"]
        for offset in range(0, 3001, 700)
        for link in api.links(sort=sort, order=order, limit=700, offset=offset)
    ]
    assert seen == [str(number) for number in range(1, 3001)]


def test_five_thousand_totals_are_quick(serve, database, account_id) -> None:
    """A page of 1,000 links out of 5,000 with clicks, sorted by them, takes a moment."""
    link_ids = database.add_links(account_id, [NewLink(external_url="https://e.org/")] * 5000)
    database.add_clicks(
        account_id,
        [NewClick(link_ids[n % 5000], NOON + timedelta(seconds=n)) for n in range(9999)],
    )
    api = serve()
    began = time.process_time()
    pages = [api.links(sort="clicks", order="desc", offset=n) for n in range(0, 5000, 1000)]
    assert time.process_time() - began < 1.5
    clicks = [link["clicks"] for page in pages for link in page]
    assert clicks == ["2"] * 4999 + ["1"]


@pytest.mark.parametrize(
    ("parameter", "value"),
    [
        *[("limit", value) for value in ("0", "1001", "-1", "abc")],
        *[("offset", value) for value in ("-1", "abc")],
        *[("sort", value) for value in ("clicks desc", "ID", "", "random()")],
        ("order", "up"),
        ("link_id", "a"),
        ("search", ""),
        ("group", ["a", "b"]),
    ],
)
def test_a_bad_parameter_is_named(serve, account_id, parameter, value) -> None:
    """400, with the parameter's name and what it takes."""
    response = serve().call("getLinks", format="json", **{parameter: value})
    assert response.status_code == 400
    assert response.json()["msg"].startswith(f"{parameter}: takes ")


def test_some_dialects_are_the_links_too(serve, database, account_id) -> None:
    """no-total, cap-500, legacy-errors and renamed parameters."""
    database.add_links(account_id, [NewLink(external_url="https://e.org/", created_at=NOON)] * 600)
    page = serve("no-total", "cap-500").call("getLinks", format="json").json()
    assert list(page) == ["error", "msg", "limit", "offset", "links"]
    assert (page["limit"], len(page["links"])) == (1000, 500)
    legacy = serve("legacy-errors").call("getLinks", format="json", limit="0")
    assert (legacy.status_code, legacy.text[:13]) == (200, "Error: limit:")
    renamed = serve("renamed").links(count=2, skip=3, limit="x", offset="x")
    assert ids(renamed) == ["4", "5"]
    assert list(renamed[0]) == FIELDS


def test_the_other_dialects_are_the_clicks_alone(serve, database, account_id) -> None:
    """Links keep their ids, their offset, their order."""
    database.add_links(account_id, [NewLink(external_url="https://example.org/")] * 5)
    api = serve("no-id", "no-offset", "inclusive-end", "newest-first")
    assert ids(api.links(offset=1, limit=3, order="desc")) == ["4", "3", "2"]
