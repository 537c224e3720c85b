"""The configuration is read to the letter, and all that is wrong with it is said at once."""

import re
import tomllib
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archiver.config import (
    Account,
    Archive,
    Config,
    Notify,
    Page,
    Schedule,
    find_config,
    load_config,
)
from archiver.config_sample import sample_config
from archiver.durations import format_duration, parse_duration
from archiver.errors import ConfigError

EXAMPLE = Path(__file__).parents[3] / "config.example.toml"
LINKTRACK = """
[[accounts]]
name = "acme"
service = "linktrack"
base_url = "https://linktrack.info/api/v1_0/"
login = "acme-api"
password_file = "acme.pass"
timezone = "America/New_York"
"""
LINKBEE = """
[[accounts]]
name = "bees"
service = "linkbee"
base_url = "https://linkbee.com/api.php"
"""
PAGE = """
[[pages]]
account = "acme"
output = "public/contest.html"
"""


@pytest.fixture
def load(tmp_path):
    """Load a text as the configuration."""

    def load_text(text):
        file = tmp_path / "config.toml"
        file.write_text(text)
        return load_config(file)

    return load_text


@pytest.fixture
def problems(load, tmp_path):
    """Give what is wrong with a text, without the file's name that begins each line."""

    def find_problems(text):
        with pytest.raises(ConfigError) as raised:
            load(text)
        start = f"{tmp_path / 'config.toml'}: "
        assert all(problem.startswith(start) for problem in raised.value.problems)
        assert all(problem.isprintable() for problem in raised.value.problems)
        return [problem.removeprefix(start) for problem in raised.value.problems]

    return find_problems


def keys(problems):
    return sorted(problem.partition(": ")[0] for problem in problems)


def linktrack(**changes):
    """Give the account's table with values changed, None taking a key out."""
    table = dict(tomllib.loads(LINKTRACK)["accounts"][0]) | changes
    return {key: value for key, value in table.items() if value is not None}


def test_the_least(load, tmp_path):
    """One account is enough: all else has the documented default."""
    config = load(LINKTRACK)
    assert config.path == tmp_path / "config.toml"
    assert config.archive.directory == tmp_path / "archive"
    assert config.archive.store == "sqlite"
    assert config.schedule.cron == "15 3 * * *"
    assert config.schedule.timezone == ZoneInfo("UTC")
    assert config.pages == ()
    assert config.notify.healthcheck_url_env is None
    assert config.accounts[0].model_dump() == {
        "name": "acme",
        "service": "linktrack",
        "base_url": "https://linktrack.info/api/v1_0/",
        "login": "acme-api",
        "password_file": tmp_path / "acme.pass",
        "password_env": None,
        "password_credential": None,
        "timezone": ZoneInfo("America/New_York"),
        "format": "xml",
        "since": None,
        "page_size": 1000,
        "settle": timedelta(minutes=10),
        "lookback": timedelta(days=1),
        "pagination": "offset",
        "requests_per_second": 5,
        "concurrency": 2,
        "deadline": timedelta(seconds=60),
        "method": "post",
        "allow_http": False,
        "ip": "keep",
        "totals": True,
        "parameters": {},
        "fields": {},
        "links": (),
    }


def test_every_key(load, tmp_path):
    """Each key of the documented file is read."""
    config = load(f"""
[archive]
directory = "/var/lib/archive"
store = "jsonl"
[schedule]
cron = "*/20 0-6,22 1 JAN-mar 0,sun/2"
timezone = "Europe/Berlin"
{LINKTRACK}
format = "json"
since = 2026-01-01
page_size = 1
settle = "0s"
lookback = "26h"
pagination = "bisect"
requests_per_second = 0.5
concurrency = 64
deadline = "2m"
method = "get"
allow_http = true
ip = "hash"
totals = false
[accounts.parameters]
start = "date_from"
[accounts.fields]
clicked_at = "created_at"
{LINKBEE}
login = "john"
password_env = "LINKBEE_PASSWORD"
links = ["http://linkbee.com/a1B2"]
{PAGE}
group = "contest"
sort = "title"
order = "asc"
title = "Who?"
template = "ours.html"
[notify]
healthcheck_url_env = "HEALTHCHECK_URL"
metrics_file = "link_archiver.prom"
""")
    acme, bees = config.accounts
    assert config.archive.model_dump() == {
        "directory": Path("/var/lib/archive").resolve(),
        "store": "jsonl",
    }
    assert config.schedule.timezone == ZoneInfo("Europe/Berlin")
    assert acme.since == datetime(2026, 1, 1, 5, tzinfo=UTC)
    assert (acme.settle, acme.lookback) == (timedelta(0), timedelta(hours=26))
    assert (acme.requests_per_second, acme.deadline) == (0.5, timedelta(minutes=2))
    assert acme.parameters == {"start": "date_from"}
    assert acme.fields == {"clicked_at": "created_at"}
    assert (bees.login, bees.password_env) == ("john", "LINKBEE_PASSWORD")
    assert bees.links == ("http://linkbee.com/a1B2",)
    assert config.pages[0].template == tmp_path / "ours.html"
    assert config.pages[0].output == tmp_path / "public/contest.html"
    assert config.notify.healthcheck_url_env == "HEALTHCHECK_URL"
    assert config.notify.metrics_file == tmp_path / "link_archiver.prom"


def test_all_problems_at_once(problems):
    """Every problem of every table is reported, each by its own path, in one go."""
    found = problems("""
nonsense = 1
[archive]
store = "csv"
directry = "x"
[schedule]
cron = "99 3 * * *"
timezone = "Mars/Base"
[[accounts]]
name = "acme"
service = "linktrack"
base_url = "http://linktrack.info/api/v1_0"
password_file = "acme.pass"
password_env = "X"
page_size = 5000
settle = 600
requests_per_second = inf
concurrency = true
deadline = "0s"
totals = "yes"
links = ["a"]
parameters = { start = "x", end = "x", foo = "y", limit = 3 }
since = "10"
"odd\\nkey" = 1
[[accounts]]
name = "ACME"
service = "linkbee"
base_url = "https://linkbee.com/api.php"
login = "john"
format = "json"
[[accounts]]
[[pages]]
account = "nobody"
group = "x"
links = ["1"]
sort = "size"
[notify]
healthcheck_url_env = 1
metrics_file = "config.toml"
""")
    assert keys(found) == sorted(
        [
            "nonsense",
            "archive.store",
            "archive.directry",
            "schedule.cron",
            "schedule.timezone",
            "accounts[0].base_url",
            "accounts[0].password_env",
            "accounts[0].page_size",
            "accounts[0].settle",
            "accounts[0].requests_per_second",
            "accounts[0].concurrency",
            "accounts[0].deadline",
            "accounts[0].totals",
            "accounts[0].links",
            "accounts[0].parameters.start",
            "accounts[0].parameters.end",
            "accounts[0].parameters.foo",
            "accounts[0].parameters.limit",
            "accounts[0].since",
            'accounts[0]."odd\\nkey"',
            "accounts[0].login",
            "accounts[0].timezone",
            "accounts[1].name",
            "accounts[1].password_file",
            "accounts[1].format",
            "accounts[2].name",
            "accounts[2].service",
            "accounts[2].base_url",
            "pages[0].account",
            "pages[0].links",
            "pages[0].sort",
            "pages[0].output",
            "notify.healthcheck_url_env",
            "notify.metrics_file",
        ]
    )


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("pagesize = 5", 'accounts[0].pagesize: is not a known key; did you mean "page_size"?'),
        ("IP = 5", 'accounts[0].IP: is not a known key; did you mean "ip"?'),
        (
            "page_size = 0",
            "accounts[0].page_size: must be at least 1. Records asked for at once: 1 to 1000.",
        ),
        (
            'page_size = "5"',
            (
                "accounts[0].page_size: must be a whole number, without quotes. "
                "Records asked for at once: 1 to 1000."
            ),
        ),
        ('format = "csv"', 'accounts[0].format: must be "xml" or "json"'),
        (
            'password = "hunter2"',
            (
                "accounts[0].password: is not a known key; "
                "set password_file: the password itself has no place here"
            ),
        ),
        (
            'links = ["1"]',
            "accounts[0].links: is for Linkbee accounts only. Remove it",
        ),
        (
            'password_env = "ACME"',
            "accounts[0].password_env: stands beside password_file. Keep one of them",
        ),
        (
            'fields.link_id = "id"',
            'accounts[0].fields.link_id: has the same name as "id". Give each a name of its own',
        ),
        (
            'fields.refferer = "x"',
            'accounts[0].fields.refferer: is not a known key; did you mean "referrer"?',
        ),
    ],
)
def test_the_words_of_a_problem(problems, line, problem):
    """A problem says what is accepted or what to do, in words of our own."""
    assert problems(f"{LINKTRACK}\n{line}") == [problem]


@pytest.mark.parametrize(
    "line",
    [
        "page_size = 1001",
        "page_size = 1000000000000000000000000",
        "page_size = 5.0",
        "page_size = true",
        "concurrency = 0",
        "concurrency = 65",
        "requests_per_second = -1",
        "requests_per_second = nan",
        'requests_per_second = "5"',
        "requests_per_second = true",
        'settle = "10 m"',
        'settle = "-1m"',
        'settle = "1.5h"',
        'settle = "1w"',
        'settle = "\N{ARABIC-INDIC DIGIT ONE}m"',
        'settle = "36501d"',
        'settle = ""',
        "lookback = 3",
        'deadline = "0m"',
        "totals = 1",
        "since = 10:00:00",
        "since = 2026-01-01T00:00:00.5",
        'since = "yesterday"',
        "since = 20260101",
        "since = true",
        'since = "0001-01-01T00:00:00+10:00"',
        'parameters = "x"',
        'parameters.start = ""',
        'fields.title = ""',
        'method = "POST"',
        'ip = "anonymize"',
    ],
)
def test_values_that_are_refused(problems, line):
    """A value of the wrong type, out of bounds or of the wrong form is one problem, at its key."""
    key = line.partition(" ")[0]
    assert keys(problems(f"{LINKTRACK}\n{line}")) == [f"accounts[0].{key}"]


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("name", ""),
        ("name", "a b"),
        ("name", "../acme"),
        ("name", "acmé"),
        ("name", "acme\n"),
        ("name", "a" * 201),
        ("service", "bitly"),
        ("login", ""),
        ("login", None),
        ("password_file", ""),
        ("password_file", None),
        ("password_file", "~/acme.pass"),
        ("password_file", "a\0b"),
        ("timezone", ""),
        ("timezone", None),
        ("timezone", "America"),
        ("timezone", "../UTC"),
        ("timezone", "right/UTC"),
        ("timezone", "localtime"),
        ("timezone", 5),
    ],
)
def test_values_that_an_account_needs(key, value):
    """What an account can't do without is refused where it is missing or can't be used."""
    with pytest.raises(ValueError, match="1 validation error") as raised:
        Account.model_validate(linktrack(**{key: value}))
    assert [line["loc"] for line in raised.value.errors()] == [(key,)]


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("password_env", ""),
        ("password_env", "hunter 2"),
        ("password_env", "A=B"),
        ("password_credential", ""),
        ("password_credential", "folder/acme"),
        ("password_credential", ".."),
    ],
)
def test_names_of_passwords(key, value):
    """A variable and a credential are named as such; neither name is a path or a password."""
    with pytest.raises(ValueError, match="1 validation error") as raised:
        Account.model_validate(linktrack(password_file=None, **{key: value}))
    assert [line["loc"] for line in raised.value.errors()] == [(key,)]
    assert "hunter" not in str(raised.value)


@pytest.mark.parametrize(
    ("url", "read"),
    [
        ("https://linktrack.info/api/v1_0", "https://linktrack.info/api/v1_0/"),
        ("https://linktrack.info", "https://linktrack.info/"),
        ("HTTPS://linktrack.info:8443/", "HTTPS://linktrack.info:8443/"),
        ("http://127.0.0.1:8080/api", "http://127.0.0.1:8080/api/"),
        ("http://localhost:8080/", "http://localhost:8080/"),
        ("http://[::1]:8080/", "http://[::1]:8080/"),
    ],
)
def test_addresses(url, read):
    """An address is https, or http on this machine; Linktrack's methods come after a slash."""
    assert Account.model_validate(linktrack(base_url=url)).base_url == read


@pytest.mark.parametrize(
    "url",
    [
        "",
        "linktrack.info/api",
        "ftp://linktrack.info/",
        "https://",
        "https:///api",
        "https://user:hunter2@linktrack.info/",
        "https://hunter2@linktrack.info/",
        "https://linktrack.info/?pass=hunter2",
        "https://linktrack.info/?",
        "https://linktrack.info/#hunter2",
        "https://linktrack.info:port/",
        "https://linktrack.info:99999/",
        "https://linktrack.info:0/",
        "https://[::1/",
        "https://linktrack.info/a b",
        " https://linktrack.info/",
        "https://linktrack.info/\n",
        "https://linktrack.info\\evil/",
        "http://linktrack.info/",
        "HTTP://linktrack.info/",
        "http://10.0.0.1/",
        "http://127.0.0.1.evil.example/",
        "http://localhost.evil.example/",
        5,
    ],
)
def test_addresses_that_are_refused(url):
    """What is no address, holds credentials or would send them in the clear isn't taken."""
    with pytest.raises(ValueError, match="1 validation error") as raised:
        Account.model_validate(linktrack(base_url=url))
    assert [line["loc"] for line in raised.value.errors()] == [("base_url",)]
    assert "hunter2" not in str(raised.value)


def test_http_where_it_is_allowed(load):
    """`allow_http` takes http:// to any host; Linkbee's address is left as it is."""
    text = LINKBEE.replace("https:", "http:")
    assert load(f"{text}\nallow_http = true").accounts[0].base_url == "http://linkbee.com/api.php"


@pytest.mark.parametrize(
    ("since", "instant"),
    [
        ("2026-07-01", datetime(2026, 7, 1, 4, tzinfo=UTC)),
        ("2026-07-01T10:00:00", datetime(2026, 7, 1, 14, tzinfo=UTC)),
        ("2026-07-01T10:00:00Z", datetime(2026, 7, 1, 10, tzinfo=UTC)),
        ("2026-07-01T10:00:00+02:00", datetime(2026, 7, 1, 8, tzinfo=UTC)),
    ],
)
@pytest.mark.parametrize("quote", ["", '"'])
def test_since(load, since, instant, quote):
    """`since` is exact with an offset, in the account's zone without, in quotes or not."""
    read = load(f"{LINKTRACK}\nsince = {quote}{since}{quote}").accounts[0].since
    assert (read, read.tzinfo) == (instant, UTC)


JOHN = 'login = "john"\npassword_env = "X"\n'


@pytest.mark.parametrize(
    ("lines", "refused"),
    [
        ("", []),
        ('login = "john"\npassword_env = "X"', []),
        ('login = "john"\npassword_credential = "bees"', []),
        ('timezone = "Europe/Berlin"', []),
        ('login = "john"', ["password_file"]),
        ('password_env = "X"', ["login"]),
        ("links = []", ["links"]),
        ('links = ["a"]', ["links"]),
        ('links = "a"', ["links"]),
        (f'{JOHN}links = ["a", "a"]', ["links"]),
        (f'{JOHN}links = ["a", 3, ""]', ["links[1]", "links[2]"]),
        (f'{JOHN}links = ["http://linkbee.com/a", "b", "a"]', ["links[2]"]),
        (f'{JOHN}links = ["http://linkbee.com/a", "b", "A"]', []),
        ('format = "json"\nmethod = "get"\nip = "keep"', ["format", "ip", "method"]),
        ("since = 2026-01-01\npage_size = 1", ["page_size", "since"]),
        ('settle = "1m"\nlookback = "1m"', ["lookback", "settle"]),
        (
            'pagination = "offset"\nparameters = {}\nfields = {}',
            ["fields", "pagination", "parameters"],
        ),
    ],
)
def test_linkbees_account(load, problems, lines, refused):
    """Linkbee's needs no login, but for links' totals; half of one and what only a log of clicks
    needs are refused.
    """
    text = f"{LINKBEE}\n{lines}"
    if refused:
        assert keys(problems(text)) == [f"accounts[0].{key}" for key in refused]
    else:
        assert load(text).accounts[0].name == "bees"


@pytest.mark.parametrize("text", ["", "accounts = []", '[archive]\nstore = "sqlite"'])
def test_no_account(problems, text):
    """A file without an account says how to add one."""
    [problem] = problems(text)
    assert problem.startswith("accounts: ")
    assert "[[accounts]]" in problem


def test_what_is_no_table(problems):
    """A value in a table's place is one problem, without any about what would be in the table."""
    text = "archive = 3\naccounts = [3]\nnotify = []\n"
    assert problems(text) == [
        "archive: must be a table.",
        "accounts[0]: must be a table.",
        "notify: must be a table.",
    ]


def test_one_bracket_for_two(problems):
    """`[accounts]` says that it is to be `[[accounts]]`."""
    [problem] = problems(LINKTRACK.replace("[[accounts]]", "[accounts]"))
    assert problem.startswith("accounts: must be a list. Begin each account with [[accounts]]")


def test_names_are_unique_as_folders_are(problems):
    """Names that differ in upper and lower case only would share a folder on some disks."""
    text = LINKTRACK + LINKTRACK.replace('"acme"', '"Acme"') + LINKTRACK
    assert keys(problems(text)) == ["accounts[1].name", "accounts[2].name"]


@pytest.mark.parametrize(
    ("lines", "refused"),
    [
        ("", []),
        ('host = "go.example.com"', []),
        ('links = ["17", "18"]', []),
        ('group = "x"\nhost = "y"', ["host"]),
        ('group = "x"\nlinks = ["1"]\nhost = "y"', ["host", "links"]),
        ("links = []", ["links"]),
        ('group = ""', ["group"]),
        ('title = ""', ["title"]),
        ('order = "down"', ["order"]),
        ('template = "~/ours.html"', ["template"]),
    ],
)
def test_pages(load, problems, lines, refused):
    """A page shows a group, links, a host or all, and no two of these."""
    text = f"{LINKTRACK}{PAGE}\n{lines}"
    if refused:
        assert keys(problems(text)) == [f"pages[0].{key}" for key in refused]
    else:
        page = load(text).pages[0]
        assert (page.sort, page.order, page.template) == ("clicks", "desc", None)


def test_pages_of_an_unknown_account(problems):
    """A page of an account that isn't there names those that are."""
    text = LINKTRACK + LINKBEE + PAGE.replace("acme", "Acme")
    assert problems(text) == [
        "pages[0].account: 'Acme' is no account. The accounts are: acme, bees"
    ]


def test_pages_with_one_output(problems):
    """Two pages can't be written to one file."""
    text = LINKTRACK + PAGE + PAGE.replace("public/", "./public//")
    assert problems(text) == ["pages[1].output: is pages[0]'s output too. Change it"]


def test_a_page_in_the_place_of_the_metrics(problems):
    """One file can't be both, however its path is written."""
    text = LINKTRACK + PAGE.replace("contest.html", "run.prom")
    metrics = '[notify]\nmetrics_file = "./public//run.prom"\n'
    assert problems(text + metrics) == ["pages[0].output: is notify.metrics_file too. Change it"]


@pytest.mark.parametrize(
    "cron",
    [
        "",
        "15 3 * *",
        "15 3 * * * *",
        "60 3 * * *",
        "0 24 * * *",
        "0 0 0 * *",
        "0 0 32 * *",
        "0 0 * 13 *",
        "0 0 * * 8",
        "0 0 * * monday",
        "*/0 * * * *",
        "1, 3 * * *",
        "@daily",
    ],
)
def test_schedules_that_are_refused(problems, cron):
    """What isn't five fields with values in their bounds is no schedule."""
    found = problems(f'[schedule]\ncron = "{cron}"\n{LINKTRACK}')
    assert keys(found) == ["schedule.cron"]


def test_an_archive_whose_links_go_in_circles(problems, tmp_path):
    """A directory that can't be followed to its end is a problem of the configuration."""
    (tmp_path / "archive").symlink_to(tmp_path / "archive")
    assert keys(problems(LINKTRACK)) == ["archive.directory"]


def test_a_password_file_is_not_followed(load, tmp_path):
    """The path stays as it is written, so that a link can be refused when it is opened."""
    (tmp_path / "acme.pass").symlink_to("elsewhere")
    assert load(LINKTRACK).accounts[0].password_file == tmp_path / "acme.pass"


def test_paths_are_relative_to_the_file(tmp_path, monkeypatch):
    """Where the program was started makes no difference."""
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/config.toml").write_text(LINKTRACK + PAGE)
    monkeypatch.chdir(tmp_path)
    config = load_config(Path("etc/config.toml"))
    assert config.archive.directory == tmp_path / "etc/archive"
    assert config.pages[0].output == tmp_path / "etc/public/contest.html"


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("[archive\n", "line 1, column 9: "),
        ("[archive]\nstore = sqlite\n", "line 2, column 9: "),
        ("[archive]\nstore = 'sqlite", "line 2, column 16: "),
        ("a = 1\na = 2", "line 2, column 6: "),
        ("a = 2026-02-30", "line 1, column 5: "),
    ],
)
def test_what_is_no_toml(problems, text, place):
    """An error of syntax is told by its line and column."""
    [problem] = problems(text)
    assert problem.startswith(place)
    assert "(at" not in problem


def test_a_file_that_is_no_text(tmp_path):
    """Bytes that aren't UTF-8 are told by their line."""
    file = tmp_path / "config.toml"
    file.write_bytes(b"a = 1\nb = '\xe9'\n")
    with pytest.raises(ConfigError, match=r"config\.toml: line 2: isn't UTF-8 text"):
        load_config(file)


def test_a_file_that_cannot_be_read(tmp_path):
    """A folder in the file's place is an error of the configuration, with the system's reason."""
    with pytest.raises(ConfigError, match=f"{tmp_path}: can't be read: Is a directory"):
        load_config(tmp_path)


def test_nothing_can_be_changed(load):
    """What was read stays as it is."""
    account = load(LINKTRACK).accounts[0]
    with pytest.raises(ValueError, match="frozen"):
        account.page_size = 5


def test_made_in_the_program(tmp_path, monkeypatch):
    """Without a file relative paths begin at the working directory."""
    monkeypatch.chdir(tmp_path)
    config = Config(accounts=(Account(**linktrack(), since=None),))
    assert config.archive.directory == tmp_path / "archive"
    assert config.accounts[0].password_file == tmp_path / "acme.pass"
    assert config.path == Path("config.toml")


@pytest.fixture
def places(tmp_path, monkeypatch):
    """Give the places where a file may be, in order, and an environment that leads there."""
    monkeypatch.chdir(tmp_path)
    environ = {"LINK_ARCHIVER_CONFIG": str(tmp_path / "named.toml"), "HOME": str(tmp_path)}
    found = [
        tmp_path / "named.toml",
        Path("config.toml"),
        tmp_path / ".config/link-archiver/config.toml",
    ]
    for place in found:
        place.parent.mkdir(parents=True, exist_ok=True)
        place.touch()
    return found, environ


def test_where_the_file_is_found(tmp_path, places):
    """The option goes first, then the variable, the working directory, the user's folder."""
    found, environ = places
    option = tmp_path / "option.toml"
    option.touch()
    assert find_config(option, environ) == option
    assert find_config(None, environ) == found[0]
    del environ["LINK_ARCHIVER_CONFIG"]
    assert find_config(None, environ) == found[1]
    found[1].unlink()
    assert find_config(None, environ) == found[2]
    own = tmp_path / "own/link-archiver/config.toml"
    own.parent.mkdir(parents=True)
    own.touch()
    assert find_config(None, environ | {"XDG_CONFIG_HOME": str(tmp_path / "own")}) == own


@pytest.mark.parametrize(
    ("option", "environ", "by"),
    [
        (Path("none.toml"), {"LINK_ARCHIVER_CONFIG": "config.toml"}, "--config"),
        (None, {"LINK_ARCHIVER_CONFIG": "none.toml"}, "$LINK_ARCHIVER_CONFIG"),
    ],
)
def test_a_named_file_that_is_missing(places, option, environ, by):
    """A file that was named is the one or none: no other takes its place."""
    with pytest.raises(ConfigError) as raised:
        find_config(option, environ)
    assert str(raised.value) == (
        f"none.toml: there is no such file; {by} names it. Write one with `link-archiver init`"
    )


def test_no_file_anywhere(tmp_path, monkeypatch):
    """Without a file the error lists where it looked, and how to make one."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(Path, "exists", lambda _: False)
    with pytest.raises(ConfigError) as raised:
        find_config(None, {"HOME": "/home/me"})
    assert str(raised.value) == (
        "there is no configuration; looked for config.toml, "
        "/home/me/.config/link-archiver/config.toml, /etc/link-archiver/config.toml. "
        "Write one with `link-archiver init`"
    )


def test_a_folder_that_may_not_be_looked_into(tmp_path, monkeypatch):
    """A place that this user may not see is as good as empty, also without a home."""

    def refuse(path):
        raise PermissionError

    monkeypatch.setattr(Path, "exists", refuse)
    with pytest.raises(ConfigError, match=r"looked for config\.toml, /etc/"):
        find_config(None, {})


@pytest.mark.parametrize(
    ("text", "duration"),
    [
        ("0s", timedelta(0)),
        ("30s", timedelta(seconds=30)),
        ("10m", timedelta(minutes=10)),
        ("26h", timedelta(hours=26)),
        ("1d", timedelta(days=1)),
        ("36500d", timedelta(days=36500)),
    ],
)
def test_durations(text, duration):
    """A duration is a whole number and a unit, and is written as people write it."""
    assert parse_duration(text) == duration
    assert format_duration(duration) == text


@given(st.integers(0, 10**9))
def test_durations_come_back(seconds):
    """What was written is read as the same length of time."""
    duration = timedelta(seconds=seconds)
    assert parse_duration(format_duration(duration)) == duration


def switched_on(sample):
    return re.sub("^#(?! |$)", "", sample, flags=re.MULTILINE)


def test_the_example_is_the_sample():
    """The file that is shown is the one that `init` writes."""
    assert EXAMPLE.read_text() == sample_config()


def test_the_sample_can_be_used(load):
    """As it is, the sample has one account, and all else is the default."""
    assert load(sample_config()) == load(LINKTRACK)


def test_the_sample_shows_the_defaults(load):
    """With its keys in use, the sample says what the program does without them."""
    config = load(switched_on(sample_config()))
    plain = load(LINKTRACK)
    examples = {"since", "parameters", "fields"}
    shown = config.accounts[0].model_dump(exclude=examples)
    assert shown == plain.accounts[0].model_dump(exclude=examples)
    assert config.accounts[0].model_fields_set >= examples
    assert (config.archive, config.schedule) == (plain.archive, plain.schedule)
    assert config.archive.model_fields_set == set(Archive.model_fields)
    assert config.schedule.model_fields_set == set(Schedule.model_fields)
    assert [account.name for account in config.accounts] == ["acme", "bees"]
    assert config.pages[0].group == "contest"
    assert config.notify.healthcheck_url_env == "HEALTHCHECK_URL"


def test_the_samples_choices_can_be_used(load):
    """Each key that is shown as another choice takes the place of the key before it."""
    lines = switched_on(sample_config()).splitlines()
    tried = 0
    for index, line in enumerate(lines):
        if line.startswith("# Or: "):
            key = max(at for at in range(index) if not lines[at].startswith("#"))
            load("\n".join([*lines[:key], line.removeprefix("# Or: "), *lines[key + 1 :]]))
            tried += 1
    assert tried == 4


def test_the_sample_has_every_key():
    """Each key of each table stands in the sample, after a line that says what it is for."""
    tables = re.split(r"^\[+(\w+)\]+$", switched_on(sample_config()), flags=re.MULTILINE)
    shown = {}
    for table, text in zip(tables[1::2], tables[2::2], strict=True):
        shown.setdefault(table, set()).update(
            re.findall(r"^(?:# Or: )?(\w+) = ", text, re.MULTILINE)
        )
    models = {
        "archive": Archive,
        "schedule": Schedule,
        "accounts": Account,
        "pages": Page,
        "notify": Notify,
    }
    assert shown == {name: set(model.model_fields) for name, model in models.items()}
    assert set(models) == set(Config.model_fields)
    assert all(model.describe(key) for model in models.values() for key in model.model_fields)
