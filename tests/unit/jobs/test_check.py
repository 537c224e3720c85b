"""What `check` makes of a service's clock."""

from datetime import UTC, datetime, timedelta

import pytest
from support.scripted import Reply, scripted

from archiver.config import load_config
from archiver.model import Link, Window
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


def test_an_empty_folder_may_be_a_disk_that_is_not_mounted(findings, tmp_path) -> None:
    """It may be meant: so it is said, and nothing is made in it."""
    (tmp_path / "archive").mkdir()
    found = findings(datetime.now(UTC))
    [odd] = [each for each in found if each.place != "well"]
    assert (odd.subject, odd.place) == ("archive", "odd")
    assert odd.text.endswith("the first run begins one. If there was one, is its disk mounted?")
    assert list((tmp_path / "archive").iterdir()) == []


def test_an_archive_that_can_only_be_read(findings, tmp_path) -> None:
    """It opens, and only writing to it shows."""
    with open_archive(tmp_path / "archive", "sqlite") as archive:
        archive.connection.execute(
            "CREATE TRIGGER t BEFORE UPDATE ON archive BEGIN SELECT RAISE(ABORT, 'readonly'); END"
        )
    found = findings(datetime.now(UTC))
    [wrong] = [each for each in found if each.place != "well"]
    assert (wrong.subject, wrong.place) == ("archive", "there")
    assert (
        "archive.db: readonly. Check the disk's space, the permissions of all files" in wrong.text
    )


def test_a_schedule_that_never_comes(findings) -> None:
    """What `daemon` would refuse is told before."""
    found = findings(datetime.now(UTC), '[schedule]\ncron = "0 0 30 2 *"\n')
    [wrong] = [each for each in found if each.place != "well"]
    assert (wrong.subject, wrong.place) == ("schedule", "here")
    assert "schedule.cron: '0 0 30 2 *': no day of any year fits it. Mend it" in wrong.text


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


def _of_pages(findings, tmp_path, *pages: str) -> list[tuple[str, str]]:
    tables = (f'[[pages]]\naccount = "acme"\n{page}\n' for page in pages)
    found = findings(datetime.now(UTC), "\n".join(tables))
    return [(each.place, each.text) for each in found if each.subject.startswith("page ")]


def test_pages_are_tried_and_none_is_written(findings, tmp_path) -> None:
    """A template that is absent or wrong, a folder that isn't there, what must not be overwritten:
    each in the words of `publish`.
    """
    (tmp_path / "wrong.html").write_text("{{ oops }}")
    wrong, *others = _of_pages(
        findings,
        tmp_path,
        'output = "a.html"\ntemplate = "wrong.html"',
        'output = "b.html"\ntemplate = "absent.html"',
        'output = "absent/c.html"',
        'output = "archive/d.html"',
        'output = "e.html"',
    )
    assert wrong[0] == "here"
    assert "wrong.html, line 1: 'oops' is undefined" in wrong[1]
    assert [place for place, _ in others] == ["here", "there", "here", "well"]
    said = ("no template absent.html", "absent doesn't exist", "the archive, whose folder")
    for (_, text), words in zip(others, (*said, "can be written, with 0 links"), strict=True):
        assert words in text
    assert not [path for path in tmp_path.iterdir() if path.name in {"e.html", "e.json"}]


def test_what_a_page_asks_for_and_the_archive_does_not_know(findings, tmp_path) -> None:
    """It may be meant, or misspelt: it is said, and the exit code is 0."""
    pages = (
        'output = "a.html"\ngroup = "contest"',
        'output = "b.html"\ngroup = "kontest"',
        'output = "c.html"\nlinks = ["17", "18"]',
        'output = "d.html"\nhost = "go.example.com"',
    )
    assert {place for place, _ in _of_pages(findings, tmp_path, *pages)} == {"well"}
    with open_archive(tmp_path / "archive", "sqlite") as archive, archive.transaction():
        link = Link("17", link_id="17", link="http://l/.1", group="contest")
        archive.links.observe("acme", [link], datetime.now(UTC))
    known = "account acme has no such links in the archive, or not any more: "
    assert _of_pages(findings, tmp_path, *pages) == [
        ("well", "can be written, with 1 link"),
        ("odd", f"{known}group kontest"),
        ("odd", f"{known}links 18"),
        ("odd", f"{known}host go.example.com"),
    ]
    assert exit_code(findings(datetime.now(UTC), f'[[pages]]\naccount = "acme"\n{pages[1]}')) == 0
