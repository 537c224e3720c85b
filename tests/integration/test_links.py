"""Links and totals beside the clicks: Linktrack's and Linkbee's, and links that are made here."""

import json
import os
import signal
import time
from datetime import UTC, datetime, timedelta
from hashlib import md5

import pytest
import requests
from support.archive import TestArchive
from support.links import counted, exported, linkbee
from support.scripted import Reply, scripted
from support.service import LOGIN, PASSWORD, Service

from archiver.config import load_config
from archiver.errors import AccountError
from jobs.make_link import make_link
from jobs.signals import EndedBySignal, signals_as_exceptions
from jobs.summary import done_for
from refserver.app import create_app
from refserver.serving import running
from refserver.shortlinks import add_short_link

START = datetime(2025, 9, 1, tzinfo=UTC)
NOON = datetime(2025, 9, 5, 12, tzinfo=UTC)
DAY = timedelta(days=1)
#: Passwords whose MD5 has a byte that means something in a query.
DIGESTS_WITH = {
    b"&": "pass0",
    b"%": "pass1",
    b"+": "pass24",
    b" ": "pass41",
    b"\x00": "pass14",
}


@pytest.mark.parametrize("form", ["xml", "json"])
@pytest.mark.parametrize("dialects", [(), ("no-total",), ("renamed", "legacy-errors")])
def test_each_run_keeps_links_and_totals(utc, tmp_path, form, dialects):
    """Every link is there with its definition, and its totals are the service's."""
    utc.populate(800, START, NOON, links=30)
    renamed = {
        "parameters": {"start": "date_from", "end": "date_to", "limit": "count", "offset": "skip"},
        "fields": {"clicked_at": "created_at", "referrer": "referer", "user_agent": "agent"},
    }
    settings = renamed if "renamed" in dialects else {}
    with utc.serving(dialects) as url:
        archive = TestArchive(tmp_path / "a", url, totals=True, format=form, **settings)
        assert archive.run(NOON).outcome == "complete"
    with utc.database.reading() as connection:
        truth = dict(
            connection.execute("SELECT link_id, count(*) FROM clicks GROUP BY link_id").fetchall()
        )
        titles = dict(connection.execute("SELECT id, title FROM links").fetchall())
    totals = {int(total["link_id"]): total["clicks"] for total in exported(archive, "totals")}
    assert {link: clicks for link, clicks in totals.items() if clicks} == truth
    links = {int(link["id"]): link["title"] for link in exported(archive, "links")}
    assert links == {link: title or None for link, title in titles.items()}


def test_totals_of_5000_links_take_5_requests(utc, tmp_path):
    """A page holds a thousand links, and none is asked for twice."""
    utc.open_account()
    with utc.database.writing():
        for number in range(4999):
            utc.database.add_link(utc.account_id, external_url=f"https://example.com/{number}")
    with counted(utc) as (address, asked):
        archive = TestArchive(tmp_path / "a", f"{address}/api/v1_0/", totals=True)
        assert archive.run(NOON).outcome == "complete"
    assert asked.count("getLinks") == 5
    assert len(exported(archive, "totals")) == 5000


def test_a_changed_link_is_kept_beside_what_it_was(utc, tmp_path):
    """Each destination and title that was seen stays, with when it was first seen."""
    utc.populate(100, START, NOON, links=3)
    with utc.serving() as url:
        archive = TestArchive(tmp_path / "a", url, totals=True)
        archive.run(NOON)
        before = exported(archive, "links")[1]
        utc.database.rename_link(2, "renamed")
        archive.run(NOON + DAY)
        archive.run(NOON + 2 * DAY)
    rows = archive.query("SELECT number, seen_at, title FROM link_changes WHERE key = '2'")
    assert rows == [
        (1, "2025-09-05T12:00:00Z", before["title"]),
        (2, "2025-09-06T12:00:00Z", "renamed"),
    ]
    assert exported(archive, "links")[1]["title"] == "renamed"


def test_a_link_that_is_gone_is_marked_and_stays(utc, tmp_path):
    """Links that the service doesn't list any more aren't forgotten; one that is back is back."""
    utc.open_account()
    link = utc.database.add_link(utc.account_id, external_url="https://example.com/gone")
    with utc.serving() as url:
        archive = TestArchive(tmp_path / "a", url, totals=True)
        archive.run(NOON)
        with utc.database.writing() as connection:
            connection.execute("DELETE FROM links WHERE id = ?", (link,))
        archive.run(NOON + DAY)
        archive.run(NOON + 2 * DAY)
    assert [each["gone_at"] for each in exported(archive, "links")] == [
        None,
        "2025-09-06T12:00:00Z",
    ]
    assert len(archive.query("SELECT * FROM totals WHERE key = '2'")) == 1


def test_totals_that_fail_harm_no_clicks(utc, tmp_path, monkeypatch):
    """Clicks are archived all the same, and the report says what is missing."""
    monkeypatch.setattr("archiver.sources.transport._BACKOFF_SECONDS", 0.01)
    utc.populate(500, START, NOON, links=3)
    app = create_app(utc.database, ())
    inner = app.wsgi_app

    def outer(environ, start_response):
        if environ["PATH_INFO"].endswith("getLinks"):
            start_response("500 Oops", [("Content-Length", "0")])
            return [b""]
        return inner(environ, start_response)

    app.wsgi_app = outer
    with running(app) as address:
        archive = TestArchive(tmp_path / "a", f"{address}/api/v1_0/", totals=True)
        account = archive.run(NOON).accounts[0]
    assert account.outcome == "partial"
    assert account.error.startswith("links and totals: ")
    assert archive.clicks() == utc.clicks_between(NOON - DAY, NOON - timedelta(minutes=10))


def test_a_made_link_is_kept_and_becomes_the_service_s_own(utc, tmp_path):
    """It is printed and kept; once the service lists it, it is one link and not two."""
    utc.open_account()
    with utc.serving() as url:
        archive = TestArchive(tmp_path / "a", url, totals=True)
        config = load_config(archive.path)
        options = {"external_url": "https://example.com/a?b=c&d", "title": "Ünïcode 🏆"}
        made = make_link(config, config.accounts[0], PASSWORD, options, NOON)
        assert [each["link"] for each in exported(archive, "links")] == [made]
        archive.run(NOON + DAY)
    links = exported(archive, "links")
    assert [each["id"] for each in links] == ["1", "2"]
    assert (links[1]["link"], links[1]["title"]) == (made, "Ünïcode 🏆")
    assert links[1]["first_seen_at"] == "2025-09-05T12:00:00Z"
    assert links[1]["gone_at"] is None


def test_a_signal_waits_until_a_made_link_is_kept_and_announced(utc, tmp_path):
    """From the answer on there is no moment in which it could be lost."""
    utc.open_account()
    told = []

    def announce(link):
        os.kill(os.getpid(), signal.SIGTERM)
        told.append(link)

    with utc.serving() as url, signals_as_exceptions():
        archive = TestArchive(tmp_path / "a", url)
        config = load_config(archive.path)
        options = {"external_url": "https://e.example/"}
        with pytest.raises(EndedBySignal):
            make_link(config, config.accounts[0], PASSWORD, options, NOON, announce)
    assert [each["link"] for each in exported(archive, "links")] == told != []


def test_a_link_that_the_service_refuses_to_make_is_said(utc, tmp_path):
    """The service's own words, and nothing is kept."""
    utc.open_account()
    with utc.serving() as url:
        archive = TestArchive(tmp_path / "a", url)
        config = load_config(archive.path)
        with pytest.raises(AccountError, match=r"made no link.*external_url"):
            make_link(config, config.accounts[0], PASSWORD, {"external_url": "nowhere"}, NOON)
    assert exported(archive, "links") == []


def test_linkbee_keeps_hits_of_each_link_and_of_the_account(utc, tmp_path):
    """Configured links, links made here, and the account's total, run after run."""
    utc.open_account()
    with counted(utc) as (address, _):
        archive = linkbee(tmp_path / "a", address, [])
        config = load_config(archive.path)
        made = make_link(
            config, config.accounts[0], PASSWORD, {"external_url": "https://e.example/"}, NOON
        )
        add = add_short_link(utc.database, "https://f.example/", account_id=utc.account_id, hits=5)
        archive = linkbee(tmp_path / "a", address, [f"{address}/{add}"])
        assert archive.run(NOON).outcome == "complete"
        requests.get(made, allow_redirects=False, timeout=5)
        assert archive.run(NOON + DAY).outcome == "complete"
    totals = [(each["link"], each["clicks"]) for each in exported(archive, "totals")]
    first = {None: 5, f"{address}/{add}": 5, made: 0}
    second = {None: 6, f"{address}/{add}": 5, made: 1}
    assert dict(totals[:3]) == first
    assert dict(totals[3:]) == second


def test_a_linkbee_report_speaks_of_totals(utc, tmp_path):
    """Also where it failed."""
    utc.open_account()
    with counted(utc) as (address, _):
        archive = linkbee(tmp_path / "a", address, [])
        told = [done_for(archive.run(NOON, password).accounts[0]) for password in (PASSWORD, "x")]
    assert told == ["complete, 1 total", "failed, 0 totals"]


def test_a_linkbee_link_that_is_refused_harms_no_other(utc, tmp_path):
    """It is named with the remedy, each run; the others and the account's total are kept."""
    utc.open_account()
    with counted(utc) as (address, _):
        good = add_short_link(
            utc.database, "https://f.example/", account_id=utc.account_id, hits=5
        )
        links = [f"{address}/nosuch", f"{address}/nosuch2", f"{address}/{good}"]
        archive = linkbee(tmp_path / "a", address, links)
        for now in (NOON, NOON + DAY):
            account = archive.run(now).accounts[0]
            assert account.outcome == "partial"
            assert [error.partition(": Linkbee")[0] for error in account.errors] == [
                f"links and totals: {address}/nosuch",
                f"links and totals: {address}/nosuch2",
            ]
            assert account.errors[0].endswith(
                "remove it from the account's links; its totals so far stay"
            )
    assert [each["clicks"] for each in exported(archive, "totals")] == [5, 5, 5, 5]


def test_a_linkbee_link_made_here_that_is_refused_is_told_of_once(utc, tmp_path):
    """It is marked as gone, with a warning and no error; one that comes back is there again."""
    utc.open_account()
    with counted(utc) as (address, _):
        archive = linkbee(tmp_path / "a", address, [])
        config = load_config(archive.path)
        options = {"external_url": "https://f.example/"}
        made = make_link(config, config.accounts[0], PASSWORD, options, NOON)
        code = made.rpartition("/")[2]
        archive.run(NOON)
        _rename_short_link(utc, code, "away")
        told = [archive.run(NOON + days * DAY).accounts[0] for days in (1, 2)]
        assert [account.outcome for account in told] == ["complete", "complete"]
        assert [len(account.warnings) for account in told] == [1, 0]
        assert f"{made} is marked as gone" in told[0].warnings[0]
        assert exported(archive, "links")[0]["gone_at"] == "2025-09-06T12:00:00Z"
        _rename_short_link(utc, "away", code)
        archive.run(NOON + 3 * DAY)
    assert exported(archive, "links")[0]["gone_at"] is None


def test_a_linkbee_link_that_was_taken_out_is_not_asked_for(utc, tmp_path):
    """What the configuration doesn't name any more costs no request; its totals so far stay."""
    utc.open_account()
    with counted(utc) as (address, asked):
        code = add_short_link(utc.database, "https://f.example/", account_id=utc.account_id)
        archive = linkbee(tmp_path / "a", address, [f"{address}/{code}"])
        archive.run(NOON)
        archive = linkbee(tmp_path / "a", address, [])
        archive.run(NOON + DAY)
    assert len(asked) == 3
    assert [each["gone_at"] for each in exported(archive, "links")] == [None]
    assert [each["link"] for each in exported(archive, "totals")].count(f"{address}/{code}") == 1


def test_a_linkbee_link_is_one_however_it_is_written(utc, tmp_path):
    """One that was made here and is configured by its hash alone is asked for once."""
    utc.open_account()
    with counted(utc) as (address, asked):
        archive = linkbee(tmp_path / "a", address, [])
        config = load_config(archive.path)
        options = {"external_url": "https://f.example/"}
        made = make_link(config, config.accounts[0], PASSWORD, options, NOON)
        archive = linkbee(tmp_path / "a", address, [made.rpartition("/")[2]])
        archive.run(NOON)
    assert len(asked) == 3
    assert [each["link"] for each in exported(archive, "links")] == [made]


@pytest.mark.parametrize("first", ["hash", "whole"])
def test_a_linkbee_link_that_is_written_otherwise_goes_on(utc, tmp_path, first):
    """Its hash alone and its whole address are one link, with one history, on pages too."""
    utc.open_account()
    page = '\n[[pages]]\naccount = "acme"\noutput = "{}.html"\n{}\n'
    with counted(utc) as (address, _):
        code = add_short_link(utc.database, "https://f.example/", account_id=utc.account_id)
        whole = f"{address}/{code}"
        written = [code, whole] if first == "hash" else [whole, code]
        for days, link in enumerate(written):
            archive = linkbee(tmp_path / "a", address, [link])
            with archive.path.open("a") as file:
                file.write(page.format("all", "") + page.format("named", f'links = ["{link}"]'))
            assert archive.run(NOON + days * DAY).outcome == "complete"
        assert (_shown(archive, "all"), _shown(archive, "named")) == ({whole}, {whole})
        _rename_short_link(utc, code, "away")
        archive.run(NOON + 2 * DAY)
    [link] = exported(archive, "links")
    assert (link["link"], link["gone_at"]) == (whole, "2025-09-07T12:00:00Z")
    totals = [each["link"] for each in exported(archive, "totals")]
    assert totals == [None, whole] * 2 + [None]


def test_a_linkbee_link_that_was_taken_out_leaves_the_page(utc, tmp_path):
    """Unless the page names it; one that was made here stays."""
    utc.open_account()
    with counted(utc) as (address, _):
        codes = [
            add_short_link(utc.database, "https://f.example/", account_id=utc.account_id)
            for _ in range(2)
        ]
        one, two = (f"{address}/{code}" for code in codes)
        archive = linkbee(tmp_path / "a", address, [one, two])
        config = load_config(archive.path)
        options = {"external_url": "https://f.example/"}
        made = make_link(config, config.accounts[0], PASSWORD, options, NOON)
        archive.run(NOON)
        archive = linkbee(tmp_path / "a", address, [codes[1]])
        with archive.path.open("a") as file:
            file.write('\n[[pages]]\naccount = "acme"\noutput = "all.html"\n')
            file.write('\n[[pages]]\naccount = "acme"\noutput = "named.html"\n')
            file.write(f"links = [{codes[0]!r}]\n")
        archive.run(NOON + DAY)
    assert _shown(archive, "all") == {two, made}
    assert _shown(archive, "named") == {one}


def _shown(archive: TestArchive, page: str) -> set[str]:
    entries = json.loads(archive.path.with_name(f"{page}.json").read_bytes())["entries"]
    return {entry["link"] for entry in entries}


def _rename_short_link(service: Service, code: str, new: str) -> None:
    with service.database.writing() as connection:
        connection.execute("UPDATE short_links SET hash = ? WHERE hash = ?", (new, code))


@pytest.mark.parametrize("options", [{}, {"ad": "banner"}])
def test_what_linkbee_gives_for_a_link_must_be_one(tmp_path, options):
    """Anything else isn't kept, and is an error that shows it."""
    reply = Reply(b'{"error":0,"msg":"","quicken":"soon","shorten":"soon"}')
    with scripted(lambda _: reply) as url:
        archive = linkbee(tmp_path / "a", url, [])
        config = load_config(archive.path)
        given = {"external_url": "https://e.example/", **options}
        with pytest.raises(AccountError, match="is no link; it says 'soon'"):
            make_link(config, config.accounts[0], PASSWORD, given, NOON)
    assert exported(archive, "links") == []


def test_a_link_that_could_not_be_asked_for_was_not_made(tmp_path):
    """Where nothing was sent, nobody has to look whether it was done."""
    with scripted(lambda _: Reply(b"")) as url:
        archive = TestArchive(tmp_path / "a", url)  # and then nobody serves there any more
    config = load_config(archive.path)
    given = {"external_url": "https://e.example/"}
    with pytest.raises(AccountError, match="Nothing was sent") as refused:
        make_link(config, config.accounts[0], PASSWORD, given, NOON)
    assert "Look at the service" not in str(refused.value)


def test_a_made_link_is_known_again_under_another_host(utc, tmp_path):
    """The service names the host that it is asked at: what follows it and where it leads tell."""
    utc.open_account()
    made = {}
    with utc.serving() as url:
        there = url.replace("127.0.0.1", "localhost")
        archive = TestArchive(tmp_path / "a", there, totals=True)
        config = load_config(archive.path)
        for end in ("a", "b"):
            given = {"external_url": f"https://example.com/{end}"}
            made[end] = make_link(config, config.accounts[0], PASSWORD, given, NOON)
        archive.write_config(url, totals=True)
        archive.run(NOON + DAY)
    links = {each["destination"][-1]: each for each in exported(archive, "links")[1:]}
    assert links.keys() == {"a", "b"}
    for end, link in links.items():
        assert link["id"] is not None
        assert link["link"] == made[end].replace("localhost", "127.0.0.1")
        assert link["first_seen_at"] == "2025-09-05T12:00:00Z"
    assert len(exported(archive, "links")) == 3


def test_totals_are_dated_by_the_earlier_clock(tmp_path):
    """A machine whose clock is ahead doesn't date totals into the future."""
    answer = b'{"error":0,"msg":"","hits":"4"}'
    served_at = Reply(answer, headers=(("Date", "Mon, 01 Sep 2025 10:00:00 GMT"),))
    with scripted(lambda _: served_at) as url:
        archive = linkbee(tmp_path / "a", url, [])
        archive.run(NOON)
    assert [each["observed_at"] for each in exported(archive, "totals")] == [
        "2025-09-01T10:00:00Z"
    ]


@pytest.mark.parametrize(
    "password", [*DIGESTS_WITH.values(), "ü&%+ x", "\N{PILE OF POO}", "1" * 300], ids=repr
)
def test_linkbee_takes_any_password_s_digest(tmp_path, password):
    """Its MD5's raw bytes, whatever they are (&, %, +, a space, NUL), log in."""
    for byte, with_it in DIGESTS_WITH.items():
        assert byte in md5(with_it.encode(), usedforsecurity=False).digest()
    service = Service(tmp_path / "service.db")
    service.account_id = service.database.add_account(LOGIN, password, "UTC")
    with counted(service) as (address, _):
        archive = linkbee(tmp_path / "a", address, [])
        report = archive.run(NOON, password=password)
    service.close()
    assert report.outcome == "complete", report


def test_200_linkbee_links_are_asked_for_at_the_account_s_pace(utc, tmp_path):
    """Never more requests a second than the account allows."""
    utc.open_account()
    with counted(utc) as (address, asked):
        made = [
            add_short_link(utc.database, "https://f.example/", account_id=utc.account_id)
            for _ in range(200)
        ]
        links = [f"{address}/{each}" for each in made]
        archive = linkbee(tmp_path / "a", address, links, requests_per_second=200)
        begun = time.monotonic()
        assert archive.run(NOON).accounts[0].totals == 201
        assert time.monotonic() - begun >= 200 / 200
    assert len(asked) == 201


def test_real_clicks_come_out_of_a_run_and_agree_with_the_totals(utc, tmp_path):
    """Visits over HTTP: their referrer, agent, uniqueness and time; and as many as are counted."""
    now = datetime.now(UTC)
    utc.account_id = utc.database.add_account(LOGIN, PASSWORD, "UTC")
    with counted(utc) as (address, _):
        archive = TestArchive(tmp_path / "a", f"{address}/api/v1_0/", totals=True, settle="0s")
        config = load_config(archive.path)
        options = {"external_url": "https://example.com/"}
        made = make_link(config, config.accounts[0], PASSWORD, options, now)
        visitor = requests.Session()
        for agent, client in (("one", visitor), ("one", visitor), ("two", requests)):
            headers = {"User-Agent": agent, "Referer": "https://from.example/?q=ü".encode()}
            answer = client.get(made, headers=headers, allow_redirects=False, timeout=5)
            assert answer.status_code == 302
            assert answer.headers["Location"] == "https://example.com/"
        visitor.close()
        time.sleep(1.1)  # the second that they were made in has to be over
        report = archive.run(datetime.now(UTC))
    assert report.outcome == "complete", report
    clicks = sorted(exported(archive, "clicks"), key=lambda click: int(click["id"]))
    assert [click["user_agent"] for click in clicks] == ["one", "one", "two"]
    assert [click["is_unique"] for click in clicks] == [True, False, True]
    assert {click["link"] for click in clicks} == {made}
    assert all(click["referrer"].startswith("https://from.example/") for click in clicks)
    times = [datetime.fromisoformat(click["clicked_at"]) for click in clicks]
    assert all(now - timedelta(seconds=1) <= instant <= datetime.now(UTC) for instant in times)
    [total] = exported(archive, "totals")
    assert (total["clicks"], total["unique_clicks"]) == (3, 2)


def test_a_made_link_that_is_clicked_before_the_next_run_is_one_link(utc, tmp_path):
    """Clicks come before the service's list: the link is known by its address then."""
    utc.open_account()
    now = datetime.now(UTC)
    with counted(utc) as (address, _):
        archive = TestArchive(tmp_path / "a", f"{address}/api/v1_0/", totals=True, settle="0s")
        config = load_config(archive.path)
        options = {"external_url": "https://example.com/"}
        made = make_link(config, config.accounts[0], PASSWORD, options, now)
        requests.get(made, allow_redirects=False, timeout=5)
        time.sleep(1.1)
        archive.run(datetime.now(UTC))
    links = [(each["link"], each["gone_at"]) for each in exported(archive, "links")]
    assert len(links) == 2
    assert (made, None) in links


def test_links_that_shift_while_they_are_read_are_read_again(utc, tmp_path):
    """A link deleted between two pages makes none of the others gone."""
    utc.open_account()
    for number in range(24):
        utc.database.add_link(utc.account_id, external_url=f"https://example.com/{number}")
    app = create_app(utc.database, ())
    inner, asked = app.wsgi_app, []

    def outer(environ, start_response):
        if environ["PATH_INFO"].endswith("getLinks"):
            asked.append(1)
            if len(asked) == 2:
                with utc.database.writing() as connection:
                    connection.execute("DELETE FROM links WHERE id = 5")
        return inner(environ, start_response)

    app.wsgi_app = outer
    with running(app) as address:
        archive = TestArchive(tmp_path / "a", f"{address}/api/v1_0/", totals=True, page_size=10)
        archive.run(NOON)
        assert archive.run(NOON + DAY).outcome == "complete"
    ids = [int(each["id"]) for each in exported(archive, "links") if each["gone_at"] is None]
    assert sorted(ids) == [number for number in range(1, 26) if number != 5]


def test_credentials_that_were_refused_are_not_sent_again(utc, tmp_path):
    """An account that may be locked isn't asked for its links after its clicks were refused."""
    utc.open_account()
    with counted(utc, ("legacy-errors",)) as (address, asked):
        archive = TestArchive(tmp_path / "a", f"{address}/api/v1_0/", totals=True, concurrency=1)
        assert archive.run(NOON, password="wrong").outcome == "failed"
    assert asked == ["getLinkHistory"]


def test_a_linkbee_account_without_a_login_has_nothing_to_keep(tmp_path, utc):
    """It is for quick links alone: a run is complete, and asks nothing."""
    with counted(utc) as (address, asked):
        archive = linkbee(tmp_path / "a", address, [])
        text = archive.path.read_text().replace(
            f'login = "{LOGIN}"\npassword_env = "PASSWORD"\n', ""
        )
        archive.path.write_text(text)
        assert archive.run(NOON, password="").outcome == "complete"
    assert asked == []
