"""makeLink."""

from contextlib import closing
from datetime import UTC, datetime

import pytest
import requests

from refserver.database import Database
from refserver.records import NewLink

METHOD = "/api/v1_0/makeLink"
REQUIRED = {"login": "acme", "pass": "secret", "external_url": "https://example.com/?a=1&b=2"}
OPTIONAL = {
    "host": "GO.example.com",
    "title": "Söle",
    "vanity_link": "sale-1",
    "description": "d",
    "notes": "n",
    "alert_at": "5",
    "deactivate_at": "10",
    "has_alert_email": "1",
    "password": "open",
    "is_active": "0",
    "is_public": "1",
    "has_plus_tracking": "1",
    "has_public_tracking": "1",
    "has_conversion_tracking": "1",
    "expires_at": "2027-01-01 00:00:00",
    "group": "mail",
}


def test_get_makes_a_link_of_the_required_three(serve, account_id) -> None:
    """The answer is the tracking link, in plain text, and getLinks knows it."""
    api = serve()
    response = requests.get(api.url + METHOD, params=REQUIRED, timeout=10)
    assert response.status_code == 200
    assert response.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert response.text == api.url + "/.1"
    (link,) = api.links()
    assert (link["link"], link["external_url"]) == (response.text, REQUIRED["external_url"])
    assert (link["is_active"], link["is_public"]) == ("1", "0")
    assert link["created_at"] == "2026-11-19 07:00:00", "the clock's now, in account time"


def test_post_makes_a_link_of_all_that_there_is(serve, database, account_id) -> None:
    """Every option is recorded; the host in lower case."""
    api = serve()
    response = api.call("makeLink", external_url="https://example.com/", **OPTIONAL)
    assert (response.status_code, response.text) == (200, "http://go.example.com/sale-1")
    (link,) = api.links()
    for name in ("title", "vanity_link", "description", "notes", "is_active", "is_public"):
        assert link[name] == OPTIONAL[name]
    assert (link["group"], link["expires_at"]) == ("mail", "2027-01-01 00:00:00")
    with database.reading() as connection:
        assert connection.execute(
            "SELECT host, alert_at, deactivate_at, has_alert_email, has_plus_tracking,"
            " has_public_tracking, has_conversion_tracking, length(password_digest) FROM links"
        ).fetchone() == ("go.example.com", 5, 10, 1, 1, 1, 1, 64)


@pytest.mark.parametrize("name", OPTIONAL)
def test_options_are_taken_by_post_only(serve, account_id, name) -> None:
    """By GET each of them is an error, even if its value is good, and no link is made."""
    api = serve()
    response = requests.get(
        api.url + METHOD, params={**REQUIRED, name: OPTIONAL[name]}, timeout=10
    )
    assert response.status_code == 400
    assert response.text == f"Error: {name}: takes a value by POST only"
    assert api.links() == []


@pytest.mark.parametrize(
    ("parameter", "value"),
    [
        *[
            ("external_url", value)
            for value in (
                *(
                    None,
                    "",
                    "example.com",
                    "/path",
                    "javascript:alert(1)",
                    "ftp://e.org/",
                    "http:",
                ),
                *("http://", "https:///x", "http://e.org:x/", "http://[::1/", "http://e.org/a b"),
                *("http://e.org/\r\nX: y", "http://e.org/" + "a" * 2048, "http://.\xad/"),
            )
        ],
        *[("host", value) for value in ("", "a b", "-a", "a/b", "a" * 254, "a:b", "é.example")],
        *[("vanity_link", value) for value in ("", ".x", "_control", "a/b", "é", "a" * 65, "x\n")],
        *[("alert_at", value) for value in ("0", "-1", "abc", "1.5", "9" * 10)],
        *[("deactivate_at", value) for value in ("0", "-1", "abc")],
        *[("is_active", value) for value in ("2", "true", "")],
        *[("expires_at", value) for value in ("2026-02-30 00:00:00", "tomorrow", "2026-01-01")],
        ("title", ["a", "b"]),
    ],
)
def test_a_bad_parameter_is_named(serve, account_id, parameter, value) -> None:
    """400, an error in plain text, and no link is made."""
    api = serve()
    response = api.call("makeLink", **{**REQUIRED, parameter: value})
    assert response.status_code == 400
    assert response.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert response.text.startswith(f"Error: {parameter}: takes ")
    assert api.links() == []


@pytest.mark.parametrize(
    "url",
    [
        "http://e.org",
        "https://user:pw@e.org:8443/a;b/~c?q=[x]&r=%20#f",
        "https://straße.example/日本?q=é",
        "http://[::1]:80/",
        "https://e.org/<>\"'`{|}^\\",
    ],
)
def test_every_web_address_is_taken_and_kept(serve, account_id, url) -> None:
    """As it was given, letter for letter."""
    api = serve()
    assert api.call("makeLink", external_url=url).text == api.url + "/.1"
    assert api.links()[0]["external_url"] == url


def test_a_vanity_name_is_taken_once_at_a_host(serve, database, account_id) -> None:
    """The same name at another host is another address; a Linkbee link's name is taken."""
    api = serve()
    short = api.session.get(api.url + "/api.php?task=quicken&url=http://e.org/").json()["quicken"]

    def make(**options) -> str:
        return api.call("makeLink", external_url="https://e.org/", **options).text

    assert make(vanity_link="sale") == api.url + "/sale"
    assert make(vanity_link="sale", host="go.example.com") == "http://go.example.com/sale"
    for taken in ({"vanity_link": "sale"}, {"vanity_link": "sale", "host": "Go.Example.com"}):
        assert make(**taken) == "Error: vanity_link: takes a name that no other link has"
    assert make(vanity_link=short.rpartition("/")[2]).startswith("Error: vanity_link: ")
    assert len(api.links()) == 2


def test_errors_are_plain_text_whatever_the_format(serve, account_id) -> None:
    """Wrong credentials, wrong verbs, large bodies; `format` means nothing here."""
    api = serve()
    answers = [
        (401, api.call("makeLink", format="json", **{"pass": "wrong"})),
        (405, api.session.put(api.url + METHOD + "?format=json")),
        (413, api.session.post(api.url + METHOD, data=b"a" * 10_000_000)),
    ]
    for status, answer in answers:
        assert answer.status_code == status
        assert answer.headers["Content-Type"] == "text/plain; charset=utf-8"
        assert answer.text.startswith("Error: ")
    assert serve("legacy-errors").call("makeLink", **{"pass": "wrong"}).status_code == 200


def test_a_look_makes_no_link(serve, account_id) -> None:
    """HEAD is refused: it has to be safe, and making is not."""
    api = serve()
    answer = requests.head(api.url + METHOD, params=REQUIRED, timeout=10)
    assert answer.status_code == 405
    assert answer.headers["Allow"] == "GET, POST"
    assert api.links() == []


def test_links_are_made_in_the_accounts_own_time(tmp_path) -> None:
    """A time of creation needs a zone, as a click's does."""
    with closing(Database(tmp_path / "zones.db")) as database:
        account_id = database.add_account("acme", "secret", "Asia/Kolkata")
        database.add_links(
            account_id,
            [NewLink(external_url="u", created_at=datetime(2026, 6, 1, 12, 0, tzinfo=UTC))],
        )
        with pytest.raises(ValueError, match="needs a zone"):
            database.add_links(
                account_id,
                [NewLink(external_url="u", created_at=datetime(2026, 6, 1))],  # noqa: DTZ001
            )
        with database.reading() as connection:
            assert connection.execute(
                "SELECT created_at_utc, created_at_local FROM links"
            ).fetchall() == [("2026-06-01T12:00:00Z", "2026-06-01 17:30:00")]
