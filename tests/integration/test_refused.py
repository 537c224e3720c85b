"""Credentials that are refused: sent once, however much there is to fetch, and by whomever."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from threading import Lock

import pytest
from support.archive import TestArchive
from support.scripted import Reply, scripted
from support.service import PASSWORD

NOON = datetime(2025, 9, 5, 12, tzinfo=UTC)
DAY = timedelta(days=1)

REFUSALS = {
    "401": Reply(b'{"error": 1, "msg": "wrong credentials"}', 401),
    "403": Reply(b"<h1>Forbidden</h1>", 403),
    "200": Reply(b'{"error": 1, "msg": "wrong credentials"}'),
    "text": Reply(b"Error: wrong credentials"),
    "another text": Reply(b"wrong credentials"),
    "text with 400": Reply(b"Error: wrong credentials", 400),
}


class Gate:
    """A service that takes one password only, and counts who came with which."""

    def __init__(self, refusal: Reply, password: str = PASSWORD) -> None:
        self.refusal = refusal
        self.password = password
        self.refused = 0
        self.taken = 0
        self.changes: Callable[[Gate], None] = lambda _: None
        self._lock = Lock()

    def __call__(self, asked: dict[str, str]) -> Reply:
        with self._lock:
            self.changes(self)
            if asked["pass"] != self.password:
                self.refused += 1
                return self.refusal
            self.taken += 1
        listed = "history" if "start" in asked else "links"
        return Reply(json.dumps({"error": 0, "total": 0, listed: []}).encode())


@pytest.mark.parametrize("refusal", REFUSALS)
def test_refused_credentials_go_out_once(tmp_path, refusal):
    """With eight requests in flight, months to fetch, and totals to keep."""
    gate = Gate(REFUSALS[refusal], "another")
    with scripted(gate) as address:
        archive = TestArchive(
            tmp_path, address, since="2025-01-01", format="json", concurrency=8, totals=True
        )
        assert archive.run(NOON).outcome == "failed"
        assert (gate.refused, gate.taken) == (1, 0)
        gate.password = PASSWORD
        assert archive.run(NOON).outcome == "complete"
    assert archive.status(NOON)["gaps"] == []


@pytest.mark.parametrize("refusal", REFUSALS)
def test_a_refusal_that_is_met_before_the_first_slice_is_heeded(tmp_path, refusal):
    """Where the service is first asked for its clock, its no counts for all that follows."""
    gate = Gate(REFUSALS[refusal])
    settings = {"format": "json", "concurrency": 8, "totals": True}
    with scripted(gate) as address:
        archive = TestArchive(tmp_path, address, **settings)
        archive.run(NOON + 9 * DAY)  # by a clock that is ahead: what it covered is asked about
        taken, gate.password = gate.taken, "another"
        archive.write_config(address, since="2025-01-01", **settings)
        report = archive.run(NOON)
        assert report.outcome == "failed"
        assert "Check the account's login, its password" in (report.accounts[0].error or "")
        assert (gate.refused, gate.taken) == (1, taken)

        gate.password = PASSWORD
        assert archive.run(NOON).outcome == "complete"
    assert archive.status(NOON)["covered"][0]["start"] == "2025-01-01T00:00:00Z"


@pytest.mark.parametrize("refusal", REFUSALS)
def test_a_login_that_several_accounts_share_is_refused_once(tmp_path, refusal):
    """The service counts refusals by login; each account says why it has nothing."""
    gate = Gate(REFUSALS[refusal])
    names = ("acme", "bees", "cats")
    with scripted(gate) as address:
        archive = TestArchive(tmp_path, address, names=names, format="json", concurrency=8)
        report = archive.run(NOON, password="wrong")
        assert gate.refused == 1
        assert [account.outcome for account in report.accounts] == ["failed"] * 3
        first, *others = [account.error or "" for account in report.accounts]
        assert "Check the account's login" in first
        for error in others:
            assert "another account has the same login" in error
            assert "Check the account's login" in error
        assert "wrong" not in "".join(others)
        assert archive.run(NOON).outcome == "complete"


def test_other_logins_are_not_held_back(tmp_path):
    """A service that is down for one account is asked for the next one."""
    gate = Gate(Reply(b"<h1>Not here</h1>", 404))
    with scripted(gate) as address:
        archive = TestArchive(tmp_path, address, names=("acme", "bees"), format="json")
        archive.run(NOON, password="wrong")
    assert gate.refused == 2


def test_a_password_that_is_changed_during_a_run_is_refused_few_times(tmp_path):
    """Only what is in flight at that moment can be refused as well."""
    gate = Gate(REFUSALS["401"])

    def change(gate: Gate) -> None:
        if gate.taken == 50:
            gate.password = "another"

    gate.changes = change
    with scripted(gate) as address:
        archive = TestArchive(
            tmp_path, address, since="2025-01-01", format="json", concurrency=4, totals=True
        )
        assert archive.run(NOON).outcome == "partial"
        assert 1 <= gate.refused <= 4
        gate.changes, gate.password = (lambda _: None), PASSWORD
        assert archive.run(NOON).outcome == "complete"
    assert archive.status(NOON)["gaps"] == []
