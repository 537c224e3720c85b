"""A service that does its worst: few requests, little memory, a clear word, and no harm done.

Each answer is met by a real run. It names what came and what to do; nothing that was archived
changes, nothing is covered that isn't stored; and once the service is well again, the archive is
exactly what the service has.
"""

import gzip
import json
from datetime import UTC, datetime, timedelta

import pytest
from support.archive import TestArchive
from support.hostile import (
    AT,
    CASES,
    CHUNKED,
    GOOD,
    GZIP,
    OK,
    TRIES,
    UNREADABLE,
    answer,
    json_page,
    page_of,
    says,
    serving,
    xml_page,
)
from support.raw import raw_server
from support.scripted import Reply, scripted

from archiver.engine import FAILED_IN_A_ROW, UNANSWERED_IN_A_ROW
from archiver.sources.paging import OffsetPaging

DAY_START = datetime(2025, 9, 5, tzinfo=UTC)
EARLIER = DAY_START + timedelta(hours=6)
NOON = DAY_START + timedelta(hours=12)
SETTINGS = {"since": "2025-09-05", "settle": "0s", "lookback": "0s", "totals": True}


@pytest.fixture(autouse=True)
def _short_pauses(monkeypatch) -> None:
    monkeypatch.setattr("archiver.sources.transport._BACKOFF_SECONDS", 0.01)


@pytest.mark.parametrize(
    ("form", "case"),
    [(form, case) for form, _, case in CASES],
    ids=[f"{form}: {name}" for form, name, _ in CASES],
)
def test_no_answer_does_any_harm(utc, tmp_path, form, case):
    """It is told, with what to do; asked for no more often than it helps; the rest is as it was.

    When the service is well again, a run makes the archive exact.
    """
    utc.populate(300, DAY_START, NOON + timedelta(hours=6))
    with utc.serving(now=EARLIER) as address:
        archive = TestArchive(tmp_path / "a", address, format=form, **SETTINGS)
        assert archive.run(EARLIER).outcome == "complete"
    before, covered = archive.export(), archive.status(EARLIER)["covered"]
    links = archive.export("links")

    with serving(case) as (address, arrivals):
        archive.write_config(address, format=form, deadline=case.deadline, **SETTINGS)
        report = archive.run(NOON)
    [account] = report.accounts
    told = account.error or ""
    assert (report.outcome, account.unexpected, account.windows) == ("failed", False, 0), told
    assert case.said in told
    assert case.remedy in told
    assert "Traceback" not in told
    assert len(told) < 2_000
    of_totals = case.requests if case.of_totals is None else case.of_totals
    assert len(arrivals) == case.requests + of_totals * ("links and totals" in told)
    assert archive.status(NOON)["covered"] == covered
    assert archive.export() == before
    assert archive.export("links") == links

    with utc.serving(now=NOON) as address:
        archive.write_config(address, format=form, **SETTINGS)
        assert archive.run(NOON).outcome == "complete"
        assert archive.run(NOON).accounts[0].new == 0
    assert archive.status(NOON)["gaps"] == []
    assert archive.clicks() == utc.clicks_between(DAY_START, NOON)


@pytest.mark.parametrize("store", ["sqlite", "jsonl"])
@pytest.mark.parametrize("name", UNREADABLE)
def test_a_record_that_cannot_be_understood_harms_no_other(tmp_path, name, store):
    """The click beside it is archived, it is kept with its reason, and it is told once."""
    form, talk, reason = UNREADABLE[name]
    with raw_server(talk) as (address, arrivals):
        archive = TestArchive(tmp_path, address, store=store, format=form, settle="0s")
        now = NOON + timedelta(days=2)
        first = archive.backfill("2025-09-05", "2025-09-06", now)
        again = archive.backfill("2025-09-05", "2025-09-06", now, again=True)
    assert first.outcome == "partial"
    assert reason in (first.accounts[0].error or "")
    assert "`link-archiver rejected`" in (first.accounts[0].error or "")
    assert (again.outcome, again.accounts[0].new) == ("complete", 0)
    assert len(arrivals) == 2
    assert [click["id"] for click in archive.stored()] == ["900"]
    [(kept, text)] = archive.query("SELECT reason, text FROM rejected")
    assert reason in kept
    assert '"901"' in text
    assert archive.status(now)["covered"] == [
        {"start": "2025-09-05T00:00:00Z", "end": "2025-09-06T00:00:00Z"}
    ]


# What is odd, and the truth all the same

WHOLE = {
    "gzip": answer(gzip.compress(GOOD), GZIP),
    "gzip in members": answer(gzip.compress(GOOD[:50]) + gzip.compress(GOOD[50:]), GZIP),
    "gzip and a line's end": answer(gzip.compress(GOOD) + b"\r\n", GZIP),
    "chunks": says(CHUNKED + b"".join(b"1\r\n%c\r\n" % byte for byte in GOOD) + b"0\r\n\r\n"),
    "no length": says(OK + b"\r\n" + GOOD),
    "HTTP/1.0": says(b"HTTP/1.0 200 OK\r\n\r\n" + GOOD),
    "100 Continue": says(b"HTTP/1.1 100 Continue\r\n\r\n" * 50 + OK + b"\r\n" + GOOD),
    "cookies": answer(GOOD, "Set-Cookie: a=b; Domain=127.0.0.1; Path=/", "Set-Cookie: c"),
    "a mark and blanks": answer(b"\xef\xbb\xbf\r\n\t " + GOOD + b"\r\n" * 999),
    "UTF-16": answer(GOOD.decode().encode("utf-16")),
    "UTF-16 without a mark": answer(GOOD.decode().encode("utf-16-be")),
    "the type of a page": answer(GOOD, "Content-Type: text/html; charset=klingon"),
    "no type": answer(GOOD, "Content-Type: "),
    "a Date that is none": answer(GOOD, "Date: yesterday"),
    "a Date in the year 9999": answer(GOOD, "Date: Fri, 31 Dec 9999 23:59:59 GMT"),
    "Retry-After": answer(GOOD, "Retry-After: 31536000"),
}


@pytest.mark.parametrize("store", ["sqlite", "jsonl"])
@pytest.mark.parametrize("name", WHOLE)
def test_what_is_odd_and_whole_is_archived(tmp_path, name, store):
    """However it travels, the page is the page."""
    with raw_server(WHOLE[name]) as (address, arrivals):
        archive = TestArchive(tmp_path, address, store=store, format="json", settle="0s")
        report = archive.backfill("2025-09-05", "2025-09-06", NOON + timedelta(days=2))
    assert (report.outcome, len(arrivals)) == ("complete", 1), report
    [click] = archive.stored()
    assert (click["id"], click["clicked_at"]) == ("900", "2025-09-05T08:00:00Z")


ODD_TEXTS = {
    "NUL": ("a\0b", "a\0b"),
    "control characters": ("\x01\x1b[31m\x7f\x85", "\x01\x1b[31m\x7f\x85"),
    "line ends": ("a\r\nb\nc\rd\u2028e", "a\r\nb\nc\rd\u2028e"),
    "half a character": ("a\ud800b", "a\ufffdb"),
    "halves": ("\udc00\ud800", "\ufffd\ufffd"),
    "an emoji in two halves": ("\ud83d\ude00", "\U0001f600"),
    "not a character": ("\ufffe\uffff", "\ufffe\uffff"),
    "right to left": ("\u202egpj.exe", "\u202egpj.exe"),
    "quotes": ("\"'`,;=@+-\\", "\"'`,;=@+-\\"),
    "a formula": ("=HYPERLINK(1)", "=HYPERLINK(1)"),
    "SQL": ("'); DROP TABLE clicks;--", "'); DROP TABLE clicks;--"),
    "a number": (12.50, "12.5"),
    "a large number": (10**40, "1" + "0" * 40),
    "true": (True, "true"),
    "a long text": ("x" * 2_000_000, "x" * 2_000_000),
    "blanks": ("  ", "  "),
}


@pytest.mark.parametrize("store", ["sqlite", "jsonl"])
def test_odd_values_are_kept_as_they_are(tmp_path, store):
    """In known fields and in unknown ones; a second time adds none; and the export gives them."""
    records = [
        {"id": str(n), "clicked_at": AT, "title": sent, "ip": sent, "Note": {"\0": [sent, None]}}
        for n, (sent, _) in enumerate(ODD_TEXTS.values())
    ]
    with raw_server(page_of(*records)) as (address, _):
        archive = TestArchive(tmp_path, address, store=store, format="json", settle="0s")
        now = NOON + timedelta(days=2)
        assert archive.backfill("2025-09-05", "2025-09-06", now).outcome == "complete"
        again = archive.backfill("2025-09-05", "2025-09-06", now, again=True)
    assert (again.outcome, again.accounts[0].new) == ("complete", 0)
    exported = [json.loads(line) for line in archive.export().split(b"\n")[:-1]]
    by_id = {click["id"]: click for click in exported}
    for number, (_, kept) in enumerate(ODD_TEXTS.values()):
        click = by_id[str(number)]
        assert (click["title"], click["ip"]) == (kept, kept)
    assert len(by_id) == len(ODD_TEXTS)
    assert by_id["0"]["extra"] == {"Note": {"\0": ["a\0b", None]}}
    assert by_id["11"]["extra"] == {"Note": {"\0": ["12.5", None]}}


def test_attributes_and_latin_letters_are_kept(tmp_path):
    """An XML of another service: nothing that it says of a click is dropped."""
    history = (
        '<total>1</total><history type="array"><record lang="de"><id type="integer">900</id>'
        f"<clicked_at>{AT}</clicked_at><title>Gr\u00fc\u00dfe</title>"
        '<ip nil="true"/></record></history>'
    )
    page = xml_page(history, "<?xml version='1.0' encoding='ISO-8859-1'?>").decode()
    with raw_server(answer(page.encode("latin-1"))) as (address, _):
        archive = TestArchive(tmp_path, address, format="xml", settle="0s")
        now = NOON + timedelta(days=2)
        assert archive.backfill("2025-09-05", "2025-09-06", now).outcome == "complete"
    [click] = [json.loads(line) for line in archive.export().splitlines()]
    assert (click["id"], click["title"], click["ip"]) == ("900", "Gr\u00fc\u00dfe", None)
    assert click["extra"] == {"@lang": "de", "id@type": "integer", "ip@nil": "true"}


# Paging


@pytest.mark.parametrize("total", [None, lambda offset: offset + 20, lambda _: 10**18 - 1])
@pytest.mark.parametrize("ids", [True, False])
def test_pages_that_never_end_are_left(utc, tmp_path, monkeypatch, total, ids):
    """Each page is new, and the last one never comes: requests are counted, not by the million.

    A window that can't be had for this reason harms no other.
    """
    monkeypatch.setattr(
        "jobs.sources.OffsetPaging",
        lambda **_: OffsetPaging(slice_records=50, slice_pages=8, second_records=60),
    )
    served = 0

    def script(asked: dict[str, str]) -> Reply:
        nonlocal served
        offset, start = int(asked["offset"]), asked["start"]
        if not start.startswith("2025-09-05"):
            return Reply(json_page(offset=offset))
        served += 1
        records = [{"clicked_at": start, "ip": f"{served}.{n}"} for n in range(10)]
        if ids:
            records = [{**record, "id": record["ip"]} for record in records]
        stated = {"error": 0, "offset": offset, "history": records}
        if total:
            stated["total"] = total(offset)
        return Reply(json.dumps(stated).encode())

    with scripted(script) as address:
        archive = TestArchive(tmp_path / "a", address, format="json", settle="0s", concurrency=1)
        report = archive.backfill("2025-09-03", "2025-09-07", NOON + timedelta(days=5))
    assert report.outcome == "partial"
    assert not report.accounts[0].unexpected
    assert served < 1_000
    covered = [{"start": "2025-09-03T00:00:00Z", "end": "2025-09-05T00:00:00Z"},
               {"start": "2025-09-06T00:00:00Z", "end": "2025-09-07T00:00:00Z"}]  # fmt: skip
    assert archive.status(NOON)["covered"] == covered
    assert archive.stored() == []

    utc.populate(300, DAY_START, NOON)
    with utc.serving() as address:
        archive.write_config(address, settle="0s")
        archive.backfill("2025-09-03", "2025-09-07", NOON + timedelta(days=5))
    assert archive.clicks() == utc.clicks_between(DAY_START, NOON)


def test_links_that_never_end_harm_no_clicks(tmp_path, monkeypatch):
    """Totals that can't be had are told; clicks are archived all the same."""
    monkeypatch.setattr("archiver.sources.linktrack_links.MAX_PAGES", 30)

    def script(asked: dict[str, str]) -> Reply:
        if "start" in asked:
            return Reply(json_page())
        links = [{"id": f"{asked['offset']}-{n}"} for n in range(10)]
        return Reply(json.dumps({"error": 0, "links": links}).encode())

    with scripted(script) as address:
        archive = TestArchive(tmp_path, address, format="json", settle="0s", totals=True)
        report = archive.run(NOON)
    assert report.outcome == "partial"
    assert "links and totals: the service's links don't come to an end: 300 so far" in (
        report.accounts[0].error or ""
    )
    assert archive.export("links") == b""


# Many windows


@pytest.mark.parametrize(
    ("reply", "requests"),
    [
        (Reply(b"<html>Welcome</html>"), 3),
        (Reply(b"", 500), (UNANSWERED_IN_A_ROW + 1) * TRIES),
        (Reply(b'{"history": ['), FAILED_IN_A_ROW + 1),
        (Reply(b"", 429, (("Retry-After", "3600"),)), 1),
    ],
    ids=["HTML", "500", "half a page", "429"],
)
def test_a_year_to_fetch_is_not_a_year_of_requests(tmp_path, reply, requests):
    """However many windows wait, a service that gives nothing is asked a few times."""
    asked = []
    with scripted(lambda form: asked.append(form) or reply) as address:
        archive = TestArchive(
            tmp_path, address, since="2024-09-05", format="json", concurrency=1, totals=True
        )
        report = archive.run(NOON)
    assert report.outcome == "failed"
    assert len(asked) == requests
    assert len(report.accounts[0].error or "") < 20_000
    assert archive.status(NOON)["covered"] == []
