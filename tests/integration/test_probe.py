"""`check` sees what a service does with windows and offsets, in each of its dialects."""

import json
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from support.archive import TestArchive
from support.scripted import Reply, scripted
from support.service import PASSWORD

from archiver.config import load_config
from jobs.check import check, exit_code
from refserver.dialects import NAMES

NOW = datetime.now(UTC).replace(microsecond=0)
DAY = timedelta(days=1)
RENAMED = {
    "parameters": {"start": "date_from", "end": "date_to", "limit": "count", "offset": "skip"},
    "fields": {"clicked_at": "created_at", "referrer": "referer", "user_agent": "agent"},
}
IT_HEEDS_WINDOWS = "it gives the clicks of the time that it is asked for"


def findings(archive: TestArchive) -> list[str]:
    found = list(check(load_config(archive.path), lambda _: PASSWORD, lambda: datetime.now(UTC)))
    return [f"{exit_code([each])} {each.text}" for each in found if each.subject == "acme"]


@pytest.mark.parametrize("dialect", [None, *NAMES])
def test_whether_a_service_heeds_windows_and_offsets(utc, tmp_path, dialect):
    """Where it doesn't heed offsets, the remedy is named; where it does, it is said."""
    utc.populate(3000, NOW - 10 * DAY, NOW - DAY)
    settings = RENAMED if dialect == "renamed" else {}
    with utc.serving([dialect] if dialect else []) as url:
        told = findings(TestArchive(tmp_path / "a", url, **settings))
        assert f"0 {IT_HEEDS_WINDOWS}" in told
        if dialect == "no-offset":
            remedy = 'it gives the first page again for each offset. Set pagination = "bisect"'
            assert f"2 {remedy}" in told
            bisecting = TestArchive(tmp_path / "b", url, pagination="bisect")
            assert all(each.startswith("0 ") for each in findings(bisecting))
        elif dialect == "cap-500":
            assert "0 it gives one page after the other" in told
        else:
            assert [each for each in told if not each.startswith("0 ")] == []


def test_a_service_without_clicks_shows_nothing(utc, tmp_path):
    """That is said too."""
    utc.open_account()
    with utc.serving() as url:
        told = findings(TestArchive(tmp_path / "a", url))
    assert any("it has no click of the last 30 days" in each for each in told)


def test_a_click_that_is_not_there_when_its_second_is_asked_for(tmp_path):
    """Then a run could miss it, and the remedy is named."""
    clicked_at = f"{NOW - DAY:%Y-%m-%d %H:%M:%S}"

    def answer(asked: dict[str, str]) -> Reply:
        history = [{"id": "1", "clicked_at": clicked_at}] if asked["start"] < clicked_at else []
        stated = {"error": 0, "total": len(history), "limit": 1000, "offset": 0}
        return Reply(json.dumps({**stated, "history": history}).encode())

    with scripted(answer) as url:
        told = findings(TestArchive(tmp_path / "a", url, format="json"))
    [wrong] = [each for each in told if not each.startswith("0 ")]
    assert wrong.startswith("2 it gave a click of ")
    assert "[accounts.parameters]" in wrong


class _At:
    """A service with one click, an hour ago by the clock of a zone."""

    def __init__(self, zone: str) -> None:
        hour_ago = (datetime.now(UTC) - timedelta(hours=1)).astimezone(ZoneInfo(zone))
        self.clicked_at = f"{hour_ago:%Y-%m-%d %H:%M:%S}"

    def answer(self, asked: dict[str, str]) -> Reply:
        is_in = asked["start"] <= self.clicked_at < asked["end"]
        history = [{"id": "1", "clicked_at": self.clicked_at}] * (is_in and asked["offset"] == "0")
        stated = {"error": 0, "total": int(is_in), "limit": 1000, "offset": 0}
        return Reply(json.dumps({**stated, "history": history}).encode())


@pytest.mark.parametrize(
    ("timezone", "said"),
    [
        (
            "Asia/Tokyo",
            "0 its latest click that has settled is of {}, 60 minutes ago. If that can't",
        ),
        ("Asia/Kolkata", "2 it has clicks of {}, which hasn't come yet there"),
        ("America/Los_Angeles", "2 it has clicks of {}, which hasn't come yet there"),
        ("Pacific/Auckland", "0 its latest click that has settled is of {}, "),
    ],
)
def test_a_wrong_time_zone_is_seen_where_it_can_be(tmp_path, timezone, said):
    """Before it is too late: what is archived can't be given another. One of a zone further east
    can't be told from quiet hours: so it is said when the latest click was.
    """
    service = _At("Asia/Tokyo")
    with scripted(service.answer) as url:
        archive = TestArchive(tmp_path / "a", url, timezone=timezone, format="json")
        told = findings(archive)
    expected = said.format(f"{service.clicked_at} ({timezone})")
    assert any(each.startswith(expected) for each in told)
    wrong = [each for each in told if not each.startswith("0 ")]
    assert bool(wrong) == said.startswith("2")
    assert all("Check the account's timezone" in each for each in wrong)
