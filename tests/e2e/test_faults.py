"""A service that doesn't answer as it should: nothing is lost, nothing made up, all is told."""

import json
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import timedelta
from typing import NamedTuple

import pytest
from e2e.processes import NOW
from support.archive import TestArchive
from support.scripted import Reply, Script, scripted

HOUR = timedelta(hours=1)
ENVELOPE = {"error": 0, "msg": "", "total": 1, "limit": 1000, "offset": 0}
RECORD = {"id": "1", "link_id": "7", "clicked_at": str(NOW - 3 * HOUR)[:19]}
CHECK_LOGIN = "Check the account's login, its password and its base_url"
LEFT_OUT = "words that are left out, for they may hold the password"


class Fault(NamedTuple):
    """What goes wrong, what is to be said of it, and which remedy is to be named."""

    service: Callable[[], AbstractContextManager[str]]
    said: str
    remedy: str


def answering(script: Script) -> Callable[[], AbstractContextManager[str]]:
    return lambda: scripted(script)


def at(address: str) -> Callable[[], AbstractContextManager[str]]:
    @contextmanager
    def nobody() -> Iterator[str]:
        yield address

    return nobody


def page(*records: dict) -> bytes:
    return json.dumps({**ENVELOPE, "total": len(records), "history": records}).encode()


def refused(asked: dict[str, str]) -> Reply:
    body = {"error": 1, "msg": f"login or pass: wrong credentials: {asked['pass']}"}
    return Reply(json.dumps(body).encode(), 401)


# Each that can repeats the password to us, as services do.
FAULTS = {
    "wrong credentials": Fault(
        answering(lambda _: refused({"pass": "…"})),
        f"refuses with HTTP 401. {CHECK_LOGIN}; it says 'login or pass: wrong credentials: …'",
        CHECK_LOGIN,
    ),
    "wrong credentials, repeated": Fault(answering(refused), f"it says {LEFT_OUT}", CHECK_LOGIN),
    "wrong credentials, with status 200": Fault(
        answering(lambda asked: refused(asked)._replace(status=200)),
        f"refuses with HTTP 200. {CHECK_LOGIN}; it says {LEFT_OUT}",
        CHECK_LOGIN,
    ),
    "a plain text": Fault(
        answering(lambda _: Reply(b"Error: no such pass")),
        "the service says 'Error: no such pass'",
        CHECK_LOGIN,
    ),
    "a plain text, with the password": Fault(
        answering(lambda asked: Reply(f"Error: no such pass: {asked['pass']}".encode())),
        f"the service says {LEFT_OUT}",
        CHECK_LOGIN,
    ),
    "no such method": Fault(
        answering(lambda _: Reply(b"<h1>Not here</h1>", 404)),
        "HTTP 404",
        "Check the account's base_url",
    ),
    "a server error": Fault(
        answering(lambda asked: Reply(asked["pass"].encode(), 500)),
        "HTTP 500",
        "Try again later",
    ),
    "a redirect": Fault(
        answering(lambda _: Reply(b"", 302, (("Location", "https://example.com/"),))),
        "redirects to another address",
        "Set the account's base_url",
    ),
    "too many requests": Fault(
        answering(lambda _: Reply(b"", 429, (("Retry-After", "3600"),))),
        "The service asks to wait 3600 seconds",
        "run again later, or lower the account's requests_per_second",
    ),
    "half a document": Fault(
        answering(lambda _: Reply(page(RECORD)[:-9])),
        "isn't a whole JSON document",
        "check the account's base_url and format",
    ),
    "HTML": Fault(
        answering(lambda asked: Reply(f"<html>{asked['pass']}</html>".encode())),
        "isn't a whole JSON document",
        "check the account's base_url and format",
    ),
    "records without a time": Fault(
        answering(lambda asked: Reply(page({"id": "2", "ip": asked["pass"]}))),
        "no record has the field clicked_at, the time of a click",
        "set [accounts.fields]",
    ),
    "the first page again and again": Fault(
        answering(lambda _: Reply(page(RECORD).replace(b'"total": 1', b'"total": 2'))),
        "asked for records from offset 1, the service answered from 0",
        'set pagination = "bisect"',
    ),
    "clicks of another time": Fault(
        answering(lambda _: Reply(page({**RECORD, "clicked_at": "2020-05-14 00:00:00"}))),
        "the service gave 1 clicks of another time",
        "Check the account's timezone, and the service's names of start and end in "
        "[accounts.parameters]",
    ),
    "nobody there": Fault(
        at("http://127.0.0.1:1/api/v1_0/"),
        "http://127.0.0.1:1: no connection to the host",
        "Check the network and the account's base_url",
    ),
    "an unknown host": Fault(
        at("https://no-such-host.invalid/api/v1_0/"),
        "https://no-such-host.invalid: the host's name can't be resolved",
        "Check the network and the account's base_url",
    ),
}


@pytest.mark.parametrize("name", FAULTS)
def test_what_is_archived_outlives_a_service_that_fails(
    link_archiver, busy_service, address, name
) -> None:
    """Exit 3; stderr and the report name the account, what happened and what to do, without the
    password; the archive and its coverage are as before; the next run, of a service that is well
    again, makes the archive whole.
    """
    fault = FAULTS[name]
    archive = TestArchive(link_archiver.folder, address, format="json", settle="0s")
    archive.backfill(_text(NOW - 30 * HOUR), _text(NOW - 5 * HOUR), NOW)
    before, covered = archive.export(), archive.status(NOW)["covered"]
    assert before

    with fault.service() as bad_address:
        archive.write_config(bad_address, format="json", settle="0s")
        told = link_archiver("run", "--json", code=3)

    [account] = told.json["accounts"]
    assert told.json["outcome"] == account["outcome"] == "failed"
    assert (account["name"], account["windows"], account["fetched"]) == ("acme", 0, 0)
    assert fault.said in account["error"]
    assert fault.remedy in account["error"]
    lines = [line.removeprefix("link-archiver: acme: ") for line in told.events]
    assert "\n".join(lines) == account["error"]
    assert archive.export() == before
    status = archive.status(NOW)
    assert status["covered"] == covered
    assert status["last_run"]["outcome"] == "failed"
    assert status["last_run"]["error"] == account["error"]

    archive.write_config(address, format="json", settle="0s")
    assert archive.run(NOW).outcome == "complete"
    assert archive.clicks() == busy_service.clicks_between(NOW - 2 * 24 * HOUR, NOW)


@pytest.mark.parametrize("store", ["sqlite", "jsonl"])
def test_a_window_that_cannot_be_understood_harms_no_other(link_archiver, store) -> None:
    """Exit 3 and "partial": the other windows are archived, and the gap is named by `run` and
    `status`.
    """

    def script(asked: dict[str, str]) -> Reply:
        if asked["start"] == "2024-05-02 00:00:00":
            return Reply(page(RECORD)[:-9])
        return Reply(page({**RECORD, "id": asked["start"], "clicked_at": asked["start"]}))

    with scripted(script) as address:
        TestArchive(link_archiver.folder, address, store=store, format="json")
        told = link_archiver(
            "backfill", "--from", "2024-05-01", "--to", "2024-05-04", "--json", code=3
        )
    [account] = told.json["accounts"]
    assert told.json["outcome"] == account["outcome"] == "partial"
    assert (account["windows"], account["new"]) == (2, 2)
    window = "[2024-05-02T00:00:00Z, 2024-05-03T00:00:00Z)"
    assert account["error"].startswith(f"{window}: the service's answer isn't a whole JSON")
    assert f"link-archiver: acme: {window}: " in told.err
    status = link_archiver.status()
    assert status["gaps"] == [{"start": "2024-05-02T00:00:00Z", "end": "2024-05-03T00:00:00Z"}]
    assert [click["clicked_at"] for click in link_archiver("export", "clicks").lines] == [
        "2024-05-01T00:00:00Z",
        "2024-05-03T00:00:00Z",
    ]


@pytest.mark.parametrize("store", ["sqlite", "jsonl"])
def test_a_record_that_cannot_be_understood_leaves_no_gap(link_archiver, store) -> None:
    """Exit 3 and "partial": it is told without the password that it holds, and all is covered."""

    def script(asked: dict[str, str]) -> Reply:
        good = {**RECORD, "clicked_at": "2024-05-01 08:00:00"}
        return Reply(page(good, {**good, "id": "2", "clicked_at": asked["pass"]}))

    with scripted(script) as address:
        TestArchive(link_archiver.folder, address, store=store, format="json")
        told = link_archiver(
            "backfill", "--from", "2024-05-01", "--to", "2024-05-02", "--json", code=3
        )
    [account] = told.json["accounts"]
    assert (account["outcome"], account["windows"], account["new"]) == ("partial", 1, 1)
    assert "1 new record can't be understood: clicked_at: not a time" in account["error"]
    assert link_archiver.status()["gaps"] == []


def _text(instant) -> str:
    return f"{instant:%Y-%m-%dT%H:%M:%SZ}"
