"""getLinkHistory, without any dialect."""

from datetime import UTC, datetime, timedelta
from xml.etree import ElementTree as ET

import pytest
import requests

from refserver.database import NewClick

NOON = datetime(2026, 6, 1, 16, 0, tzinfo=UTC)  # 12:00 in New York


@pytest.fixture
def link_id(database, account_id) -> int:
    return database.add_link(
        account_id, external_url="https://example.com/?a=1&b=2", title="Sale", group="mail"
    )


@pytest.fixture
def full_click(link_id) -> NewClick:
    return NewClick(
        link_id, NOON, "198.18.0.1", "US", "https://r.example/", "Browser", True, "9.50"
    )


def ids(records) -> list[str]:
    return [record["id"] for record in records]


def test_json_has_the_contracts_shape(serve, database, account_id, full_click) -> None:
    """The envelope has numbers, a record strings, and null where there is no value."""
    database.add_clicks(account_id, [full_click, NewClick(full_click.link_id, NOON)])
    api = serve()
    page = api.json(start="2026-06-01 12:00:00", end="2026-06-01 12:00:01")
    assert page == {
        "error": 0,
        "msg": "",
        "total": 2,
        "limit": 1000,
        "offset": 0,
        "history": [
            {
                "id": "1",
                "link_id": "1",
                "link": api.url + "/.1",
                "external_url": "https://example.com/?a=1&b=2",
                "title": "Sale",
                "group": "mail",
                "clicked_at": "2026-06-01 12:00:00",
                "ip": "198.18.0.1",
                "country": "US",
                "referrer": "https://r.example/",
                "user_agent": "Browser",
                "is_unique": "1",
                "conversion": "9.50",
            },
            {
                **page["history"][0],
                "id": "2",
                "ip": None,
                "country": None,
                "referrer": None,
                "user_agent": None,
                "conversion": None,
            },
        ],
    }


def test_xml_has_the_contracts_shape(serve, database, account_id, full_click) -> None:
    """XML is the default, byte for byte as the contract writes it."""
    database.add_clicks(account_id, [full_click._replace(is_unique=False, conversion="")])
    api = serve()
    response = api.post(start="2026-06-01 00:00:00", end="2026-06-02 00:00:00")
    assert response.headers["Content-Type"] == "text/xml; charset=utf-8"
    assert response.text == (
        "<response><error>0</error><msg/><total>1</total><limit>1000</limit><offset>0</offset>"
        "<history><record><id>1</id><link_id>1</link_id>"
        f"<link>{api.url}/.1</link>"
        "<external_url>https://example.com/?a=1&amp;b=2</external_url>"
        "<title>Sale</title><group>mail</group><clicked_at>2026-06-01 12:00:00</clicked_at>"
        "<ip>198.18.0.1</ip><country>US</country><referrer>https://r.example/</referrer>"
        "<user_agent>Browser</user_agent><is_unique>0</is_unique><conversion/>"
        "</record></history></response>"
    )


def test_a_window_without_clicks_is_an_empty_list(serve, account_id) -> None:
    """No clicks is a page like any other."""
    api = serve()
    assert api.post().text == (
        "<response><error>0</error><msg/><total>0</total><limit>1000</limit><offset>0</offset>"
        "<history></history></response>"
    )
    assert api.json()["history"] == []


def test_start_is_in_and_end_is_out(serve, database, account_id, link_id) -> None:
    """A window holds its first second and not the one that it ends with."""
    database.add_clicks(
        account_id, [NewClick(link_id, NOON + timedelta(seconds=n)) for n in (-1, 0, 1, 2)]
    )
    page = serve().json(start="2026-06-01 12:00:00", end="2026-06-01 12:00:02")
    assert ids(page["history"]) == ["2", "3"]
    assert page["total"] == 2


def test_a_window_that_ends_before_it_starts_is_empty(
    serve, database, account_id, link_id
) -> None:
    """A start that isn't before the end matches nothing, and is no error."""
    database.add_clicks(account_id, [NewClick(link_id, NOON)])
    api = serve()
    assert api.json(start="2026-06-01 12:00:00", end="2026-06-01 12:00:00")["total"] == 0
    assert api.json(start="2026-06-02 12:00:00", end="2026-05-01 12:00:00")["total"] == 0


def test_both_passes_of_a_repeated_hour_match(serve, database, account_id, link_id) -> None:
    """Bounds are compared with local text, so that one local second gives both its instants."""
    first = datetime(2026, 11, 1, 5, 30, tzinfo=UTC)
    instants = [first, first + timedelta(minutes=30), first + timedelta(hours=1)]
    database.add_clicks(account_id, [NewClick(link_id, instant) for instant in instants])
    records = serve().clicks(start="2026-11-01 01:30:00", end="2026-11-01 01:30:01")
    assert ids(records) == ["1", "3"]
    assert {record["clicked_at"] for record in records} == {"2026-11-01 01:30:00"}


def test_the_default_window_is_the_last_day_up_to_now(
    serve, database, account_id, link_id
) -> None:
    """Without bounds: from a day before the clock's now, which is in, to now, which is out."""
    now = datetime(2026, 11, 19, 12, 0, tzinfo=UTC)
    seconds = [-86401, -86400, -1, 0, 1]
    database.add_clicks(
        account_id, [NewClick(link_id, now + timedelta(seconds=n)) for n in seconds]
    )
    api = serve(clock=lambda: now)
    assert ids(api.json()["history"]) == ["2", "3"]
    assert ids(api.json(end="2026-11-20 00:00:00")["history"]) == ["2", "3", "4", "5"]
    assert ids(api.json(start="2026-01-01 00:00:00")["history"]) == ["1", "2", "3"]


def test_order_is_by_time_then_id(serve, database, account_id, link_id) -> None:
    """Ascending unless `desc` is asked, which is the exact reverse, ids within a second too."""
    seconds = [5, 0, 5, 0, 3]
    database.add_clicks(
        account_id, [NewClick(link_id, NOON + timedelta(seconds=n)) for n in seconds]
    )
    api = serve()
    assert ids(api.clicks()) == ["2", "4", "5", "1", "3"]
    assert ids(api.clicks(order="asc")) == ["2", "4", "5", "1", "3"]
    assert ids(api.clicks(order="desc")) == ["3", "1", "5", "4", "2"]


def test_pages_neither_repeat_nor_skip(serve, database, account_id, link_id) -> None:
    """Pages of any size, one after the other, are the whole list; past its end they are empty."""
    database.add_clicks(
        account_id, [NewClick(link_id, NOON + timedelta(seconds=n // 7)) for n in range(50)]
    )
    api = serve()
    for order in ("asc", "desc"):
        paged = [api.clicks(order=order, limit=8, offset=offset) for offset in range(0, 64, 8)]
        assert [len(page) for page in paged] == [8, 8, 8, 8, 8, 8, 2, 0]
        assert [click for page in paged for click in page] == api.clicks(order=order)


def test_total_limit_and_offset_are_stated(serve, database, account_id, link_id) -> None:
    """`total` counts what the filters match, whatever the page."""
    database.add_clicks(account_id, [NewClick(link_id, NOON)] * 30)
    page = serve().json(start="2026-01-01 00:00:00", limit=4, offset=999999999999999999)
    assert (page["total"], page["limit"], page["offset"], page["history"]) == (
        30,
        4,
        999999999999999999,
        [],
    )


def test_a_page_holds_a_thousand_at_most(serve, database, account_id, link_id) -> None:
    """Without a limit a page has 1,000 records."""
    database.add_clicks(account_id, [NewClick(link_id, NOON)] * 1001)
    assert len(serve().clicks()) == 1000


def test_links_and_groups_filter(serve, database, account_id, link_id) -> None:
    """One link, several, or a group; together they narrow, and the total follows."""
    others = [
        database.add_link(account_id, external_url="https://example.com/", group=group)
        for group in ("mail", "Zürich & Söhne")
    ]
    every = [link_id, *others]
    database.add_clicks(account_id, [NewClick(link, NOON) for link in every for _ in range(2)])
    api = serve()

    def links(**filters) -> list[str]:
        records = api.clicks(**filters)
        total = api.json(start="2026-01-01 00:00:00", end="2027-01-01 00:00:00", **filters)[
            "total"
        ]
        assert total == len(records)
        return [record["link_id"] for record in records]

    assert links(link_id="2") == ["2", "2"]
    assert links(link_id="3,1,999999999999999999") == ["1", "1", "3", "3"]
    assert links(group="mail") == ["1", "1", "2", "2"]
    assert links(group="Zürich & Söhne") == ["3", "3"]
    assert links(group="mail", link_id="2,3") == ["2", "2"]
    assert links(group="MAIL") == []
    assert links(link_id=",".join(map(str, range(2, 40_000)))) == ["2", "2", "3", "3"]


def test_an_account_sees_its_own_clicks_only(serve, database, account_id, link_id) -> None:
    """Another account's clicks aren't there, whatever is asked for."""
    other = database.add_account("other", "secret", "UTC")
    database.add_clicks(account_id, [NewClick(link_id, NOON)])
    api = serve()
    assert api.clicks(login="other", link_id=link_id, group="mail") == []
    assert len(api.clicks()) == 1
    assert other != account_id


def test_a_link_shows_its_host_and_name(serve, database, account_id) -> None:
    """The request's host and a base-36 id, unless the link has a host or a name of its own."""
    links = [
        database.add_link(
            account_id, external_url="https://example.com/", host=host, vanity_link=name
        )
        for host, name in [("", ""), ("", "sale"), ("go.example.com", ""), ("go.example.com", "x")]
    ]
    links += [database.add_link(account_id, external_url="u") for _ in range(32)]
    database.add_clicks(account_id, [NewClick(link, NOON) for link in links])
    api = serve()
    shown = [record["link"] for record in api.clicks()]
    assert shown[:4] == [
        f"{api.url}/.1",
        f"{api.url}/sale",
        "http://go.example.com/.3",
        "http://go.example.com/x",
    ]
    assert shown[9:11] == [f"{api.url}/.a", f"{api.url}/.b"]
    assert shown[35] == f"{api.url}/.10"


def test_the_hosts_name_is_escaped(serve, database, account_id, link_id) -> None:
    """Whatever a request calls its host, the answer is well-formed."""
    database.add_clicks(account_id, [NewClick(link_id, NOON)])
    api = serve()
    api.session.headers["Host"] = "<&>'\".example"
    response = api.post(start="2026-01-01 00:00:00")
    assert response.status_code in {200, 400}
    ET.fromstring(response.content)


def test_get_and_post_mean_the_same(serve, database, account_id, full_click) -> None:
    """Parameters are taken from the query and from the form alike."""
    database.add_clicks(account_id, [full_click])
    api = serve()
    address = api.url + "/api/v1_0/getLinkHistory"
    asked = {"start": "2026-01-01 00:00:00", "format": "json"}
    credentials = {"login": "acme", "pass": "secret"}
    by_get = requests.get(address, params={**asked, **credentials}, timeout=10)
    by_both = requests.post(address, params=asked, data=credentials, timeout=10)
    assert by_get.json() == by_both.json() == api.json(**asked)
    assert len(by_get.json()["history"]) == 1


def test_unknown_parameters_are_ignored(serve, account_id) -> None:
    """What the contract doesn't know changes nothing, even twice or empty."""
    assert serve().json(date_from=["x", "y"], colour="")["total"] == 0


def test_a_renamed_link_shows_its_new_title(serve, database, account_id, full_click) -> None:
    """The title is the link's: its old clicks show the new one."""
    database.add_clicks(account_id, [full_click])
    api = serve()
    assert api.clicks()[0]["title"] == "Sale"
    database.rename_link(full_click.link_id, "Sold")
    assert api.clicks()[0]["title"] == "Sold"
