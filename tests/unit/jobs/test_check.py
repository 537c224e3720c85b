"""What `check` makes of a service's clock."""

from datetime import UTC, datetime, timedelta

import pytest
from support.scripted import Reply, scripted

from archiver.config import load_config
from archiver.model import Window
from archiver.store import Commit
from jobs.check import check, exit_code
from storage.opening import open_archive
from storage.settings import IdentitySettings

HOUR = Window(datetime(2026, 11, 1, 8, tzinfo=UTC), datetime(2026, 11, 1, 9, tzinfo=UTC))
EMPTY = b'{"error": 0, "total": 0, "limit": 1000, "offset": 0, "history": []}'


@pytest.fixture
def findings(tmp_path):
    """Gives the findings about one account, for a clock of this machine."""

    def look(now: datetime, settings: str = ""):
        path = tmp_path / "config.toml"
        with scripted(lambda _: Reply(EMPTY)) as address:
            path.write_text(
                '[[accounts]]\nname = "acme"\nservice = "linktrack"\nlogin = "x"\n'
                'format = "json"\ntimezone = "UTC"\npassword_env = "PASSWORD"\n'
                f'base_url = "{address}"\n' + settings
            )
            return list(check(load_config(path), lambda _: "secret", lambda: now))

    return look


@pytest.mark.parametrize(
    ("skew", "said"),
    [
        (timedelta(minutes=10), "600 seconds ahead of the service's: check its time"),
        (-timedelta(minutes=10), "600 seconds behind the service's: check its time"),
    ],
)
def test_a_clock_that_is_wrong(findings, skew, said) -> None:
    """It is told by how much and in which direction, and that it is to be mended here."""
    found = findings(datetime.now(UTC).replace(microsecond=0) + skew)
    [wrong] = [finding for finding in found if finding.place != "well"]
    assert wrong.place == "here"
    assert wrong.subject == "acme"
    assert any(said.replace("600", str(seconds)) in wrong.text for seconds in range(590, 611)), (
        wrong.text
    )
    assert exit_code(found) == 2


def test_linkbee_without_a_login(tmp_path) -> None:
    """All is well: links can be made, and nothing is asked for."""
    path = tmp_path / "config.toml"
    with scripted(lambda _: pytest.fail("asked")) as address:
        path.write_text(
            f'[[accounts]]\nname = "bees"\nservice = "linkbee"\nbase_url = "{address}"\n'
        )
        found = list(check(load_config(path), lambda _: "", lambda: datetime.now(UTC)))
    assert exit_code(found) == 0
    assert found[-1].text == (
        "it has no login: links can be made with it, and there is nothing to archive. "
        f"{address} wasn't asked"
    )


@pytest.mark.parametrize("skew", [timedelta(seconds=30), -timedelta(seconds=30)])
def test_a_clock_that_is_right_within_a_minute(findings, skew) -> None:
    """All is well."""
    found = findings(datetime.now(UTC) + skew)
    assert exit_code(found) == 0
    assert "the service's clock and this machine's agree" in [each.text for each in found]


def test_it_makes_nothing(findings, tmp_path) -> None:
    """Where there is no archive yet, it is told who makes it; what is there is only looked at."""
    found = findings(datetime.now(UTC))
    directory = tmp_path / "archive"
    assert f"{directory} isn't there yet: the first run makes it" in [each.text for each in found]
    assert [path.name for path in tmp_path.iterdir()] == ["config.toml"]


def test_an_archive_that_cannot_be_made(findings, tmp_path) -> None:
    """What stands where its folder should be made is named."""
    (tmp_path / "letter").write_text("")
    found = findings(datetime.now(UTC), '[archive]\ndirectory = "letter/archive"\n')
    [wrong] = [each for each in found if each.place != "well"]
    assert (wrong.subject, wrong.place) == ("archive", "there")
    assert f"can't be made in {tmp_path}/letter: check its permissions" in wrong.text


@pytest.mark.parametrize("covered", [True, False])
def test_changed_settings_are_wrong_here(findings, tmp_path, covered) -> None:
    """What `run` would refuse is told before, and nothing of it is taken over."""
    stored = IdentitySettings("linktrack", "America/New_York", {}, "keep")
    with open_archive(tmp_path / "archive", "sqlite") as archive, archive.transaction():
        archive.settings.hold_account("acme", stored)
    if covered:
        with open_archive(tmp_path / "archive", "sqlite") as archive:
            archive.store.commit(Commit("acme", HOUR, [], [], {}, HOUR.end))
    for _ in range(2):
        found = findings(datetime.now(UTC))
        [wrong] = [each for each in found if each.place != "well"]
        assert wrong.place == "here"
        assert "timezone was America/New_York" in wrong.text
        assert exit_code(found) == 2
    found = findings(datetime.now(UTC), '[archive]\nstore = "jsonl"\n')
    assert any("begun as 'sqlite'" in each.text for each in found) == covered
