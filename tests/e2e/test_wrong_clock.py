"""A machine whose clock is wrong for one run: nothing is taken for archived before its time."""

from datetime import UTC, datetime, timedelta

import pytest
from e2e.processes import NOW
from support.archive import TestArchive

from refserver.database import NewClick

_DAY_SECONDS = 86_400
HOUR = timedelta(hours=1)

stores = pytest.mark.parametrize("store", ["sqlite", "jsonl"])


@stores
@pytest.mark.parametrize("days", [400, -400])
def test_a_clock_far_off_for_one_run(link_archiver, busy_service, address, store, days) -> None:
    """The service's clock is believed, and it is said; the next run is exact."""
    archive = TestArchive(link_archiver.folder, address, store=store, settle="0s")
    wrong = link_archiver.going_wrong(AHEAD_SECONDS=days * _DAY_SECONDS)
    backfill = ("backfill", "--from", f"{NOW - 30 * HOUR:%Y-%m-%dT%H:%M:%SZ}", "--json")
    period = (*backfill, "--to", f"{NOW + 900 * HOUR:%Y-%m-%dT%H:%M:%SZ}")
    link_archiver(*period)
    covered = link_archiver.status()["covered"]
    told = link_archiver("run", "--json", **wrong)
    if days > 0:
        assert "this machine's: the earlier of the two counts" in told.err
    [account] = archive.query('SELECT max("end") FROM coverage')
    assert datetime.fromisoformat(account[0]) <= datetime.now(UTC)
    assert link_archiver.status()["covered"][-1]["end"] >= covered[-1]["end"]

    late = [NewClick(1, NOW - 2 * HOUR, "192.0.2.77"), NewClick(1, NOW, "192.0.2.77")]
    busy_service.record(late)
    link_archiver("run")
    truth = busy_service.clicks_between(NOW - 30 * HOUR, NOW + HOUR)
    assert archive.clicks() == truth
    assert link_archiver("run", "--json").json["accounts"][0]["new"] == 0


@stores
def test_both_clocks_far_ahead_for_one_run(link_archiver, busy_service, store) -> None:
    """Nothing can tell then; the next run takes back what hasn't come yet, and says so."""
    ahead = NOW + timedelta(days=5)
    archive = TestArchive(link_archiver.folder, "http://127.0.0.1:1/", store=store)
    with busy_service.serving(now=ahead) as url:
        archive.write_config(url)
        link_archiver("run", **link_archiver.going_wrong(AHEAD_SECONDS=5 * _DAY_SECONDS))
    assert archive.status(NOW)["covered"][-1]["end"] > f"{NOW + timedelta(days=4):%Y-%m-%dT}"
    busy_service.record([NewClick(1, NOW - 3 * HOUR, "192.0.2.77")])
    with busy_service.serving() as url:
        archive.write_config(url, since=f"{NOW - 30 * HOUR:%Y-%m-%dT%H:%M:%SZ}")
        told = link_archiver("run")
        assert "this machine's clock was wrong" in told.err
    assert archive.status(NOW)["covered"][-1]["end"] <= f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"
    assert archive.clicks() == busy_service.clicks_between(NOW - 30 * HOUR, NOW + HOUR)
