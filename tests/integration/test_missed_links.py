"""Links that one reading of a service misses: none is taken for gone, none keeps others out."""

import json
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import pytest
from support.archive import TestArchive
from support.links import exported, linkbee
from support.scripted import Reply, scripted

from refserver.app import create_app
from refserver.serving import running

NOON = datetime(2025, 9, 5, 12, tzinfo=UTC)
DAY = timedelta(days=1)
GOOD = b'{"error":0,"msg":"","hits":"4"}'
NO_HITS = b'{"error":0,"msg":"","hits":null}'


@contextmanager
def changing(service, dialects, change):
    """Serve an account of 25 links; `change` is made before the second page of the second run."""
    service.open_account()
    for number in range(24):
        service.database.add_link(service.account_id, external_url=f"https://e.example/{number}")
    app = create_app(service.database, dialects)
    inner, asked = app.wsgi_app, []

    def outer(environ, start_response):
        if environ["PATH_INFO"].endswith("getLinks"):
            asked.append(1)
            if len(asked) == (6 if "no-total" in dialects else 5):
                with service.database.writing() as connection:
                    change(connection)
        return inner(environ, start_response)

    app.wsgi_app = outer
    with running(app) as address:
        yield f"{address}/api/v1_0/", asked


@pytest.mark.parametrize("dialects", [(), ("no-total",), ("no-total", "cap-500")])
def test_no_living_link_is_gone_by_a_deletion_between_pages(utc, tmp_path, dialects):
    """Nor if a new one hides it: the link that moved to the page before is asked for by its id."""

    def change(connection):
        connection.execute("DELETE FROM links WHERE id = 5")
        if not dialects:
            utc.database.add_link(utc.account_id, external_url="https://e.example/new")

    with changing(utc, dialects, change) as (url, asked):
        archive = TestArchive(tmp_path / "a", url, totals=True, page_size=10)
        archive.run(NOON)
        before = len(asked)
        report = archive.run(NOON + DAY)
        cost = len(asked) - before
        assert report.outcome == "complete"
        assert _gone(archive) == []
        archive.run(NOON + 2 * DAY)
        assert _gone(archive) == ["5"]
    assert report.accounts[0].totals == (25 if dialects else 26)
    assert cost <= (6 if dialects else 4)  # one to two more than for the pages alone
    latest = [each for each in exported(archive, "totals") if "-06T" in each["observed_at"]]
    assert "11" in [each["link_id"] for each in latest]


def _gone(archive):
    return [each["id"] for each in exported(archive, "links") if each["gone_at"] is not None]


def test_links_that_are_gone_are_asked_for_once(utc, tmp_path):
    """All by one request; the next run knows that they are gone."""

    def change(connection):
        connection.execute("DELETE FROM links WHERE id > 1")

    with changing(utc, (), change) as (url, asked):
        archive = TestArchive(tmp_path / "a", url, totals=True, page_size=1000)
        for days in range(4):
            archive.run(NOON + days * DAY)
        assert len(asked) == 4
        archive.run(NOON + 4 * DAY)
        assert len(asked) == 6
        archive.run(NOON + 5 * DAY)
        assert len(asked) == 7
    assert [each["gone_at"] is None for each in exported(archive, "links")] == [True] + 24 * [
        False
    ]


def test_a_list_of_links_that_is_short_is_told_as_links(tmp_path):
    """Not as clicks: the message names what the service states too many of."""

    def script(asked):
        listed = [{"id": "1", "link": "http://l/.1"}] if asked["offset"] == "0" else []
        name = "links" if "sort" in asked else "history"
        total = 2 if name == "links" else 0
        return Reply(
            json.dumps({"error": 0, "total": total, name: listed if total else []}).encode()
        )

    with scripted(script) as url:
        archive = TestArchive(tmp_path / "a", url, totals=True, format="json")
        account = archive.run(NOON).accounts[0]
    [error] = account.errors
    said = "links and totals: the service states 2 links and gave 1, 3 times in a row"
    assert error == f"{said}. Try again later"


def test_a_linktrack_link_that_cannot_be_read_is_named(tmp_path):
    """Each run; the others' totals are kept, and it isn't taken for gone."""

    def script(asked):
        if "sort" not in asked:
            return Reply(b'{"error":0,"total":0,"history":[]}')
        bad = "1,234" if len(runs) == 2 else "5"
        listed = [{"id": "1", "clicks": "4"}, {"id": "2", "clicks": bad}, {"id": "3"}]
        return Reply(json.dumps({"error": 0, "total": 3, "links": listed}).encode())

    runs = []
    with scripted(script) as url:
        archive = TestArchive(tmp_path / "a", url, totals=True, format="json")
        for days in range(3):
            runs.append(days)
            account = archive.run(NOON + days * DAY).accounts[0]
            if len(runs) == 2:
                assert account.errors == [
                    "links and totals: 2: the service's answer has no number as its clicks"
                ]
            else:
                assert account.outcome == "complete"
    assert _gone(archive) == []
    told = [(each["link_id"], each["observed_at"][8:10]) for each in exported(archive, "totals")]
    assert told == [("1", "05"), ("2", "05"), ("1", "06"), ("1", "07"), ("2", "07")]


def test_a_link_that_cannot_be_told_from_others_makes_none_of_them_gone(tmp_path):
    """Ids that suddenly can't be read: any of the links that are known may be meant."""

    def script(asked):
        if "sort" not in asked and "link_id" not in asked:
            return Reply(b'{"error":0,"total":0,"history":[]}')
        listed = [{"id": "1", "link": "http://h/.1"}, {"id": id_, "link": "http://h/.2"}]
        return Reply(json.dumps({"error": 0, "total": 2, "links": listed}).encode())

    with scripted(script) as url:
        archive = TestArchive(tmp_path / "a", url, totals=True, format="json")
        id_: object = "2"
        assert archive.run(NOON).outcome == "complete"
        id_ = {"number": 2}
        account = archive.run(NOON + DAY).accounts[0]
    assert _gone(archive) == []
    [error] = account.errors
    assert "http://h/.2: the service's answer has something else than text as its id" in error


@pytest.mark.parametrize("states_total", [True, False])
def test_a_service_that_gives_first_pages_only_has_totals(tmp_path, states_total):
    """Those of its first links, and of the others those that have archived clicks; that any more
    can't be had is said each run, and none is taken for gone.
    """
    listed = [{"id": str(number), "clicks": "4"} for number in range(1500)]
    clicks = [
        {"id": str(number), "link_id": str(number), "clicked_at": "2025-09-05 11:00:00"}
        for number in (999, 1000, 1499)
    ]

    def script(asked):
        name, records = ("links", listed) if "sort" in asked else ("history", clicks)
        ids = asked["link_id"].split(",") if "link_id" in asked else None
        chosen = [each for each in records if ids is None or each["id"] in ids]
        if name == "history":
            chosen = [
                each for each in chosen if asked["start"] <= each["clicked_at"] <= asked["end"]
            ]
        stated = {"total": len(chosen)} if states_total or name == "history" else {}
        return Reply(json.dumps({"error": 0, **stated, name: chosen[:1000]}).encode())

    with scripted(script) as url:
        settings = {"totals": True, "format": "json", "pagination": "bisect", "settle": "0s"}
        archive = TestArchive(tmp_path / "a", url, **settings)
        for days in range(2):
            account = archive.run(NOON + days * DAY).accounts[0]
            assert account.outcome == "partial"
            [error] = account.errors
            assert "its first 1,000 links only, whatever offset is asked for" in error
            assert account.totals == 1002
    assert _gone(archive) == []
    latest = [each["link_id"] for each in exported(archive, "totals")][-1002:]
    assert set(latest) == {str(number) for number in [*range(1001), 1499]}


@pytest.mark.parametrize(
    "bad",
    [
        Reply(NO_HITS),
        Reply(b"<h1>Oops</h1>"),
        Reply(b'{"error":1,"msg":"no link"}', status=404),
        Reply(b"", status=500),
        Reply(b'{"error":0,"msg":"","hits":"many"}'),
    ],
    ids=repr,
)
def test_no_linkbee_link_starves_those_after_it(tmp_path, monkeypatch, bad):
    """Four in a row that can't be had: each is named, and the others are kept, run after run."""
    monkeypatch.setattr("archiver.sources.transport._BACKOFF_SECONDS", 0.01)

    def script(asked):
        return bad if "bad" in asked.get("link", "") else Reply(GOOD)

    with scripted(script) as url:
        links = ["bad1", "bad2", "bad3", "bad4", "good1", "bad5", "good2"]
        archive = linkbee(tmp_path / "a", url, links)
        account = archive.run(NOON).accounts[0]
    assert account.outcome == "partial"
    assert [error.split(": ")[:2] for error in account.errors] == [
        ["links and totals", f"bad{number}"] for number in range(1, 6)
    ]
    assert [each["link"] for each in exported(archive, "totals")] == [None, "good1", "good2"]


def test_a_linkbee_that_ceases_to_answer_is_not_asked_for_hours(tmp_path, monkeypatch):
    """After three links in a row without an answer the account's total shows that there is none;
    what was refused before is told all the same.
    """
    monkeypatch.setattr("archiver.sources.transport._BACKOFF_SECONDS", 0.01)
    asked = []

    def script(parameters):
        asked.append(parameters.get("link"))
        if parameters.get("link") == "refused":
            return Reply(b'{"error":1,"msg":"no such link"}')
        return Reply(GOOD) if len(asked) < 4 else Reply(b"", status=500)

    with scripted(script) as url:
        links = ["good", "refused", *(f"link{number}" for number in range(50))]
        account = linkbee(tmp_path / "a", url, links).run(NOON).accounts[0]
    assert list(dict.fromkeys(asked)) == [None, "good", "refused", "link0", "link1", "link2"]
    assert (account.totals, len(account.errors)) == (2, 5)
    assert "(3 tries)" in account.errors[3]
    assert account.errors[4].startswith("links and totals: refused: Linkbee refuses hits")


def test_linkbee_links_that_never_answer_are_left_after_some(tmp_path, monkeypatch):
    """Though the account's total can be had: each takes as long as all tries for it."""
    monkeypatch.setattr("archiver.sources.transport._BACKOFF_SECONDS", 0.01)

    def script(asked):
        return Reply(b"", status=500) if asked.get("link", "").startswith("l") else Reply(GOOD)

    with scripted(script) as url:
        links = ["good", *(f"link{number}" for number in range(50))]
        account = linkbee(tmp_path / "a", url, links).run(NOON).accounts[0]
    assert account.totals == 2
    assert len(account.errors) == 11
    assert account.errors[10] == (
        "links and totals: 10 links in a row got no answer: the rest waits for the next run"
    )


def test_all_totals_of_a_run_have_one_time(tmp_path):
    """Though each of Linkbee's links costs a request: a page shows the totals of one time."""
    hours = iter(range(1000))

    def script(_):
        served_at = datetime(2025, 9, 1, tzinfo=UTC) + timedelta(minutes=next(hours))
        return Reply(GOOD, headers=(("Date", f"{served_at:%a, %d %b %Y %H:%M:%S} GMT"),))

    with scripted(script) as url:
        archive = linkbee(tmp_path / "a", url, [f"link{number}" for number in range(70)])
        archive.run(NOON)
    totals = exported(archive, "totals")
    assert len(totals) == 71
    assert len({each["observed_at"] for each in totals}) == 1
    assert json.loads(GOOD)["hits"] == str(totals[-1]["clicks"])
