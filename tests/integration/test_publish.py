"""Pages for the web, as `run` and `publish` write them."""

import errno
import json
import os
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from pathlib import Path
from unicodedata import category

import pytest
from e2e.processes import Commands
from support.archive import TestArchive
from support.links import linkbee
from support.service import PASSWORD, Service

from archiver.config import load_config
from archiver.model import Link
from jobs import daily
from jobs.archiving import Job
from jobs.publish import publish
from jobs.turn import Observers
from refserver.database import NewClick
from storage.opening import open_archive
from storage.standings import open_standings

START = datetime(2025, 9, 1, tzinfo=UTC)
NOON = datetime(2025, 9, 5, 12, tzinfo=UTC)
DAY = timedelta(days=1)
HOSTILE = "<script>alert(1)</script> “Ünïcode” 🏆"


class Table(HTMLParser):
    """The rows of a page's table: each cell's text, as a reader sees it."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.rows: list[list[str]] = []
        self.links: list[str] = []
        self.when: list[str] = []
        self._in_cell = False
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        if tag == "tr":
            self.rows.append([])
        if tag in {"td", "th"}:
            self.rows[-1].append("")
            self._in_cell = True
        if tag == "a" and self._in_cell:
            self.links.append(given["href"])
        if tag == "time":
            self.when.append(given["datetime"])
        if tag == "svg":
            self.rows[-1][-1] += given["aria-label"].partition(": ")[2]

    def handle_endtag(self, tag):
        self._in_cell = self._in_cell and tag not in {"td", "th"}

    def handle_data(self, data):
        if self._in_cell:
            self.rows[-1][-1] += data


class Pages:
    """An archive's pages: their configuration, and what was written."""

    def __init__(self, archive: TestArchive) -> None:
        self.archive = archive
        self.folder = archive.path.parent / "public"
        self.folder.mkdir()

    def add(self, output: str = "public/contest.html", account: str = "acme", **keys) -> None:
        """Have one more page."""
        given = {"account": account, "output": output, **keys}
        lines = "".join(f"{key} = {json.dumps(value)}\n" for key, value in given.items())
        with self.archive.path.open("a", encoding="utf-8") as file:
            file.write(f"\n[[pages]]\n{lines}")

    def json(self, name: str = "contest") -> dict:
        return json.loads((self.folder / f"{name}.json").read_bytes())

    def html(self, name: str = "contest") -> str:
        return (self.folder / f"{name}.html").read_text(encoding="utf-8")

    def written(self) -> set[str]:
        return {path.name for path in self.folder.iterdir()}


@pytest.fixture
def pages(utc, tmp_path):
    """Pages of an account whose service is up until the test is over."""
    utc.populate(800, START, NOON, links=12)
    with utc.serving() as url:
        yield Pages(TestArchive(tmp_path / "a", url, totals=True))


def click_on(service: Service, link_id: int, times: int, day: datetime) -> None:
    service.record(NewClick(link_id, day + timedelta(seconds=number)) for number in range(times))


def test_each_run_writes_the_page_anew(utc, pages):
    """After its totals: with the clicks, the change and the time of this run."""
    pages.add()
    assert pages.archive.run(NOON).outcome == "complete"
    first = pages.json()
    assert first["taken_at"] == "2025-09-05T12:00:00Z"
    assert [entry["change"] for entry in first["entries"]] == [None] * 12
    assert sum(entry["clicks"] for entry in first["entries"]) == 800
    loser = first["entries"][-1]
    click_on(utc, int(loser["id"]), 1000, NOON)
    assert pages.archive.run(NOON + DAY).outcome == "complete"
    second = pages.json()
    assert second["taken_at"] == "2025-09-06T12:00:00Z"
    winner = second["entries"][0]
    assert winner == {
        **loser,
        "rank": 1,
        "clicks": loser["clicks"] + 1000,
        "unique_clicks": loser["unique_clicks"] + 1000,
        "change": 1000,
        "last_14_days": [None] * 13 + [1000],
        "taken_at": "2025-09-06T12:00:00Z",
    }
    assert "6 September 2025, 12:00 UTC" in pages.html()
    assert pages.written() == {"contest.html", "contest.json"}


def test_the_page_and_the_json_say_the_same(utc, pages):
    """Every number and title of the one is in the other, a hostile title letter by letter; but
    HTML has no control characters.
    """
    utc.database.rename_link(3, HOSTILE)
    pages.add(title="Who & <why>?")
    pages.archive.run(NOON)
    click_on(utc, 5, 2000, NOON)
    pages.archive.run(NOON + DAY)
    said, html = pages.json(), pages.html()
    table = Table(html)
    entries = said["entries"]
    assert HOSTILE in [entry["title"] for entry in entries]
    assert "<script" not in html
    assert '<h1 dir="auto">Who &amp; &lt;why&gt;?</h1>' in html
    assert table.when == [said["taken_at"]]
    assert table.links == [entry["link"] for entry in entries]
    for row, entry in zip(table.rows[1:], entries, strict=True):
        link = [entry["link"]] if entry["link"] != entry["title"] else []
        assert row[0] == str(entry["rank"])
        title = "".join(
            "\ufffd" if category(each) == "Cc" and each not in "\t\n\r" else each
            for each in entry["title"]
        )
        assert row[1].split() == " ".join([title, *link]).split()
        assert row[2].split()[0] == f"{entry['clicks']:,}"
        assert row[3].split()[0] == f"{entry['unique_clicks']:,}"
        assert row[4].split()[0] == (f"+{entry['change']:,}" if entry["change"] else "±0")
        days = [day for day in entry["last_14_days"] if day is not None]
        assert row[5].strip() == ", ".join(map(str, days))


def test_a_link_that_is_gone_is_left_out(utc, pages):
    """It stays in the archive, and leaves the page."""
    pages.add()
    pages.archive.run(NOON)
    with utc.database.writing() as connection:
        connection.execute("DELETE FROM clicks WHERE link_id = 4")
        connection.execute("DELETE FROM links WHERE id = 4")
    pages.archive.run(NOON + DAY)
    assert {int(entry["id"]) for entry in pages.json()["entries"]} == {*range(1, 13)} - {4}


def test_totals_of_long_ago_are_not_read(pages):
    """A page takes the latest totals, and of each of 14 days before the nearest to their hour."""
    for days in (0, 3, 15, 15.3, 16):
        pages.archive.run(NOON + days * DAY)
    with open_standings(pages.archive.directory) as standings:
        for link in standings.links("acme", NOON + 16 * DAY):
            taken = [(each.taken_at - NOON) / DAY for each in link.snapshots]
            assert taken == [3, 15, 16]


def test_a_page_that_fails_harms_nothing_else(pages):
    """Clicks, totals and other pages are there; the error is in the report and the ledger."""
    pages.add("absent/contest.html")
    pages.add("public/two.html")
    account = pages.archive.run(NOON).accounts[0]
    assert account.outcome == "partial"
    assert "absent/contest.html: the folder " in account.error
    assert pages.archive.query("SELECT error FROM runs") == [(account.error,)]
    assert account.totals == 12
    assert pages.written() == {"two.html", "two.json"}


def test_pages_are_written_when_every_account_had_its_turn(utc, tmp_path):
    """A template that takes its time keeps no other account from being archived, nor its page;
    what goes wrong with one is told, and in the ledger, as of its account's run.
    """
    utc.populate(80, START, NOON, links=3)
    told = []

    class Watching(Observers):
        def end(self, report):
            told.append(report.name)

        def fail(self, account, error):
            told.append((account, error.partition(": ")[2]))

    with utc.serving() as url:
        pages = Pages(TestArchive(tmp_path / "a", url, totals=True, names=("acme", "bees")))
        pages.archive.path.with_name("ours.html").write_text("{{ oops }}", encoding="utf-8")
        pages.add(template="ours.html")
        pages.add("public/two.html", account="bees")
        config = load_config(pages.archive.path)
        passwords = dict.fromkeys(pages.archive.names, PASSWORD)
        job = Job("run", config, passwords, daily.plan, lambda: NOON, Watching())
        one, two = job.execute().accounts
    reason = f"{pages.archive.path.with_name('ours.html')}, line 1: 'oops' is undefined. Mend the"
    assert told == ["acme", "bees", ("acme", f"{reason} template")]
    assert (one.outcome, two.outcome) == ("partial", "complete")
    assert pages.archive.query("SELECT account, outcome, errors, error FROM runs") == [
        ("acme", "partial", 1, one.error),
        ("bees", "complete", 0, None),
    ]
    assert pages.written() == {"two.html", "two.json"}


def test_what_was_published_stays_until_there_is_better(pages):
    """A template that has become wrong leaves the page, and its JSON, as they were."""
    ours = pages.archive.path.with_name("ours.html")
    ours.write_text("{{ entries | length }} links", encoding="utf-8")
    pages.add(template="ours.html")
    pages.archive.run(NOON)
    before = pages.json()
    ours.write_text("{{ oops }}", encoding="utf-8")
    account = pages.archive.run(NOON + DAY).accounts[0]
    assert "ours.html, line 1: 'oops' is undefined" in account.error
    assert (pages.html(), pages.json()) == ("12 links", before)


def test_only_a_run_s_own_accounts_are_published(utc, tmp_path):
    """Not those that took no part; and a backfill, which keeps no totals, publishes nothing."""
    utc.populate(100, START, NOON, links=3)
    with utc.serving() as url:
        pages = Pages(TestArchive(tmp_path / "a", url, totals=True, names=("acme", "other")))
        pages.add("public/a.html")
        pages.add("public/b.html", "other")
        pages.archive.backfill("2025-09-04", "2025-09-05", NOON)
        assert pages.written() == set()
        config = load_config(pages.archive.path)
        Job("run", config, {"acme": PASSWORD}, daily.plan, clock=lambda: NOON).execute()
    assert pages.written() == {"a.html", "a.json"}


def test_a_web_server_can_read_what_is_written(pages):
    """Whatever this program's umask is, which keeps the archive itself to its owner."""
    pages.add()
    before = os.umask(0o077)
    try:
        pages.archive.run(NOON)
    finally:
        os.umask(before)
    assert {path.stat().st_mode & 0o777 for path in pages.folder.iterdir()} == {0o644}


@pytest.mark.parametrize(
    ("outputs", "keys", "said"),
    [
        (["public/a.json"], {}, "output ends in .json"),
        (["public/a.html", "public/x/../a.htm"], {}, "would overwrite another page"),
        (["ours.html"], {"template": "ours.html"}, "would overwrite a template"),
        (["config.toml"], {}, "would overwrite the configuration"),
        (["loop/config.toml"], {}, "would overwrite the configuration"),
        (["its.pass"], {}, "would overwrite a password file"),
        (["loop/its.html"], {}, "would overwrite a password file"),
        (["archive/archive.db"], {}, "would overwrite the archive, whose folder is its alone"),
        (["archive/archive.db-wal"], {}, "would overwrite the archive"),
        (["loop/archive/new.html"], {}, "would overwrite the archive"),
        (["foot.txt"], {"template": "ours.html"}, "would overwrite a template"),
        (["head.txt"], {"template": "ours.html"}, "would overwrite a template"),
        (["loop/public/a.html", "public/a.html"], {}, "would overwrite another page"),
        (["linked.html"], {}, "linked.html is a symbolic link. Let output name the file itself"),
        (["public/../pipe"], {}, "pipe isn't a regular file"),
        (["/"], {}, "output names no file"),
        (["public/.."], {}, "output names no file"),
    ],
)
def test_a_page_overwrites_nothing_that_is_needed(pages, outputs, keys, said):
    """Neither with its HTML nor with its JSON, whatever links lead there."""
    folder = pages.archive.path.parent
    pages.archive.run(NOON)
    (folder / "loop").symlink_to(".")
    (folder / "linked.html").symlink_to("elsewhere.html")
    os.mkfifo(folder / "pipe")
    for name in ("its.pass", "its.json"):
        (folder / name).touch(mode=0o600)
        (folder / name).write_text(PASSWORD, encoding="utf-8")
    text = pages.archive.path.read_text(encoding="utf-8")
    password_file = "its.json" if outputs == ["loop/its.html"] else "its.pass"
    pages.archive.path.write_text(
        text.replace('password_env = "PASSWORD"', f'password_file = "{password_file}"'),
        encoding="utf-8",
    )
    part = "{% include 'foot.txt' %}{% set name = 'head.txt' %}{% include name %}"
    (folder / "ours.html").write_text(part, encoding="utf-8")
    (folder / "foot.txt").write_text("foot", encoding="utf-8")
    (folder / "head.txt").write_text("head", encoding="utf-8")
    for output in outputs:
        pages.add(output, **keys)
    before = _contents(folder)
    config = load_config(pages.archive.path)
    for published in publish(config, ["acme"], NOON):
        assert said in str(published.error)
        assert published.error.exit_code == 2
    assert _contents(folder) == before


def _contents(folder) -> dict:
    """Each file's mode and content; a link's and a pipe's mode alone."""
    return {
        path: (path.lstat().st_mode, path.read_bytes() if path.is_file() else b"")
        for path in folder.rglob("*")
        if not path.name.startswith("archive.db-")  # readers make and remove these
    }


def test_no_page_takes_another_template_s_part(pages):
    """Nor with its JSON: what the other page includes is needed."""
    folder = pages.archive.path.parent
    (folder / "ours.html").write_text("{% include 'foot.txt' %}", encoding="utf-8")
    (folder / "foot.txt").write_text("foot", encoding="utf-8")
    pages.add("foot.txt")
    pages.add("public/two.html", template="ours.html")
    account = pages.archive.run(NOON).accounts[0]
    assert "foot.txt: it, or the JSON beside it, would overwrite a template" in account.error
    assert pages.html("two") == "foot"


@pytest.mark.parametrize("has_json", [True, False])
def test_a_page_is_not_emptied_where_the_archive_is_away(pages, has_json):
    """Its disk isn't mounted, say: the page stays and it is said, also once there is a new one."""
    pages.add()
    pages.archive.run(NOON)
    before = pages.html()
    if not has_json:
        (pages.folder / "contest.json").unlink()
    pages.archive.directory.rename(pages.archive.directory.with_name("away"))
    config = load_config(pages.archive.path)
    for is_new in (False, True):
        if is_new:
            with open_archive(pages.archive.directory, "sqlite"):
                pass
        [published] = publish(config, ["acme"], NOON)
        assert published.error.exit_code == 3
        assert "has no link of account acme, and the page that is there shows some" in str(
            published.error
        )
        assert pages.html() == before
    pages.archive.directory.joinpath("archive.db").unlink()
    for file in pages.folder.iterdir():
        file.unlink()
    assert [published.error for published in publish(config, ["acme"], NOON)] == [None]
    assert [published.error for published in publish(config, ["acme"], NOON)] == [None]


def test_a_page_is_not_emptied_by_a_service_that_lists_nothing(utc, pages):
    """It may have lost its links: the page stays, and it is said, each run."""
    pages.add()
    pages.add("public/group.html", group="nobody's")
    pages.archive.run(NOON)
    before = pages.html(), pages.json()
    with utc.database.writing() as connection:
        connection.execute("DELETE FROM clicks")
        connection.execute("DELETE FROM links")
    for days in (1, 2):
        [error] = pages.archive.run(NOON + days * DAY).accounts[0].errors
        assert "the service has no link of account acme any more, and the page that is" in error
        assert (pages.html(), pages.json()) == before
    assert pages.json("group")["entries"] == []
    for file in pages.folder.iterdir():
        file.unlink()
    assert pages.archive.run(NOON + 3 * DAY).outcome == "complete"
    assert pages.json()["entries"] == []


def test_a_page_whose_links_went_elsewhere_is_empty(utc, pages):
    """The account has others: then an empty page is the truth."""
    with utc.database.writing() as connection:
        connection.execute("UPDATE links SET \"group\" = 'contest'")
    pages.add(group="contest")
    pages.archive.run(NOON)
    assert len(pages.json()["entries"]) > 0
    with utc.database.writing() as connection:
        connection.execute("UPDATE links SET \"group\" = 'elsewhere'")
    assert pages.archive.run(NOON + DAY).outcome == "complete"
    assert pages.json()["entries"] == []


@pytest.mark.parametrize("name", ["contest.html", "contest.json"])
def test_neither_file_is_replaced_where_one_cannot_be(pages, name):
    """The page and its JSON say the same: a folder in the place of one keeps both as they were."""
    pages.add()
    pages.archive.run(NOON)
    (pages.folder / name).unlink()
    (pages.folder / name).mkdir()
    [other] = [file for file in pages.folder.iterdir() if file.is_file()]
    before = other.read_bytes()
    [error] = pages.archive.run(NOON + DAY).accounts[0].errors
    assert f"can't write {pages.folder / name}: it is a folder" in error
    assert other.read_bytes() == before


def test_neither_file_is_replaced_where_the_disk_is_full(pages, monkeypatch):
    """Both are on the disk before either gets its name."""
    pages.add()
    pages.archive.run(NOON)
    before = {path.name: path.read_bytes() for path in pages.folder.iterdir()}
    fsync = os.fsync

    def full(descriptor: int) -> None:
        if ".contest.json." in str(Path(f"/proc/self/fd/{descriptor}").readlink()):
            raise OSError(errno.ENOSPC, "No space left on device")
        fsync(descriptor)

    monkeypatch.setattr("os.fsync", full)
    [error] = pages.archive.run(NOON + DAY).accounts[0].errors
    assert "No space left on device" in error
    assert {path.name: path.read_bytes() for path in pages.folder.iterdir()} == before


def test_half_a_character_fails_its_page_alone(pages):
    """What can't be written is told with its template, and other pages are there."""
    (pages.archive.path.parent / "ours.html").write_text('{{ "\\ud800" }}', encoding="utf-8")
    pages.add("public/one.html", template="ours.html")
    pages.add("public/two.html")
    account = pages.archive.run(NOON).accounts[0]
    assert "ours.html: it makes half a character" in account.error
    assert pages.written() == {"two.html", "two.json"}


@pytest.mark.parametrize("name", ["its.pass", "its.txt", "config.toml", "archive/x.txt", "l.txt"])
def test_a_template_publishes_no_secret(pages, name):
    """Whoever it came from: it gets neither passwords, nor the configuration, nor the archive."""
    folder = pages.archive.path.parent
    text = pages.archive.path.read_text(encoding="utf-8")
    password_file = "its.txt" if name == "its.txt" else "its.pass"
    pages.archive.path.write_text(
        text.replace('password_env = "PASSWORD"', f'password_file = "{password_file}"'),
        encoding="utf-8",
    )
    pages.archive.run(NOON)
    for path in (folder / password_file, folder / "archive" / "x.txt"):
        path.touch(mode=0o600)
        path.write_text(PASSWORD, encoding="utf-8")
    (folder / "l.txt").symlink_to("its.pass")
    (folder / "ours.html").write_text(f"{{% include '{name}' ignore missing %}}", encoding="utf-8")
    pages.add(template="ours.html")
    account = pages.archive.run(NOON + DAY).accounts[0]
    assert f"ours.html, line 1: {name} can't be used here: " in account.error
    assert pages.written() == set()


@pytest.fixture
def command(tmp_path):
    """The installed command in the folder of the archive, whose service is down."""
    folder = tmp_path / "a"
    return Commands(folder), Pages(TestArchive(folder, "http://127.0.0.1:9/", totals=True))


def test_publish_needs_no_service(utc, command):
    """It writes from the archive, says what it wrote, and ends with 0."""
    link_archiver, pages = command
    utc.populate(100, START, NOON, links=3)
    with utc.serving() as url:
        pages.archive.write_config(url, totals=True)
        pages.archive.run(NOON)
    pages.add()
    pages.add("public/one.html", links=["2"])
    told = link_archiver("publish")
    contest, one = pages.folder / "contest.html", pages.folder / "one.html"
    assert told.out == f"{contest}: 3 links\n{one}: 1 link\n"
    assert told.err == ""
    assert [entry["id"] for entry in pages.json("one")["entries"]] == ["2"]


def test_publish_before_the_first_run(command):
    """There is a page, which says that there are no links yet."""
    link_archiver, pages = command
    pages.add()
    link_archiver("publish")
    assert pages.json()["entries"] == []
    assert pages.json()["taken_at"] is None
    assert "No links here yet" in pages.html()


@pytest.mark.parametrize(
    ("wrong", "code", "said"),
    [
        ({"output": "absent/x.html"}, 3, "absent/x.html: the folder "),
        ({"output": "public/x.html", "template": "absent.html"}, 2, "no template absent.html"),
        ({"output": "public"}, 3, "public: it is a folder. Move it"),
    ],
)
def test_publish_goes_on_after_a_page_that_fails(command, wrong, code, said):
    """The others are written; the exit code tells whether the configuration is to be mended."""
    link_archiver, pages = command
    pages.add(**wrong)
    pages.add()
    told = link_archiver("publish", code=code)
    assert said in told.err
    assert told.out == f"{pages.folder / 'contest.html'}: 0 links\n"
    assert "contest.json" in pages.written()
    assert list(pages.folder.parent.rglob("*.part")) == []


def test_publish_without_pages(command):
    """Nothing to do is no failure, but it is said."""
    link_archiver, _ = command
    assert "has no [[pages]]" in link_archiver("publish").err


def test_publish_from_a_damaged_archive(command):
    """Exit 3, with the file's name."""
    link_archiver, pages = command
    pages.add()
    pages.archive.directory.mkdir()
    (pages.archive.directory / "archive.db").write_bytes(b"no database" * 1000)
    assert "archive.db" in link_archiver("publish", code=3).err


def test_a_service_without_ids_or_unique_clicks(command):
    """Links are named by themselves, and there is no column of unique clicks."""
    link_archiver, pages = command
    pages.add(links=["http://linkbee.com/a"])
    links = [Link(key=each, link=each, clicks=7) for each in ("http://linkbee.com/a", "http://b/")]
    with open_archive(pages.archive.directory, "sqlite") as archive, archive.transaction():
        archive.links.observe("acme", [Link(key="", clicks=14), *links], NOON)
    link_archiver("publish")
    [entry] = pages.json()["entries"]
    assert (entry["id"], entry["title"], entry["clicks"]) == (None, "http://linkbee.com/a", 7)
    assert len(Table(pages.html()).rows[0]) == 5


def test_a_group_that_may_be_misspelt_is_told(pages):
    """The page is written as it is asked for; the run tells, and so does `publish`."""
    pages.add(group="contets")
    account = pages.archive.run(NOON).accounts[0]
    page = f"page {pages.folder / 'contest.html'}: "
    text = "account acme has no such links in the archive, or not any more: group contets"
    assert (account.errors, account.warnings[-1]) == ([], page + text)
    told = Commands(pages.archive.path.parent)("publish")
    assert told.err == f"link-archiver: warning: {page}{text}\n"


def test_links_that_were_taken_out_of_the_configuration_are_not_shown(tmp_path):
    """Of a service that doesn't list its links; but those that were made here, and named ones."""
    archive = linkbee(tmp_path, "http://127.0.0.1:9", ["http://b/kept"])
    pages = Pages(archive)
    pages.add()
    pages.add("public/named.html", links=["taken-out"])
    links = [
        Link("http://b/kept", link="http://b/kept", clicks=3),
        Link("http://b/taken-out", link="http://b/taken-out", clicks=2),
        Link("http://b/made", link="http://b/made", destination="https://e.example/", clicks=1),
    ]
    with open_archive(archive.directory, "sqlite") as opened, opened.transaction():
        opened.links.observe("acme", links, NOON)
    Commands(tmp_path)("publish")
    assert [entry["clicks"] for entry in pages.json()["entries"]] == [3, 1]
    assert [entry["clicks"] for entry in pages.json("named")["entries"]] == [2]


def test_totals_dated_by_a_clock_that_was_ahead_are_not_the_latest(utc, pages):
    """A page shows what was seen since, once the clock is right again."""
    pages.add()
    with open_archive(pages.archive.directory, "sqlite") as archive, archive.transaction():
        archive.links.observe("acme", [Link(key="1", link_id="1", clicks=7)], NOON + 400 * DAY)
    pages.archive.run(NOON)
    assert pages.json()["taken_at"] == "2025-09-05T12:00:00Z"
    assert sum(entry["clicks"] for entry in pages.json()["entries"]) == 800
