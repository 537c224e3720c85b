"""Populated accounts: as many clicks as asked, the same each time, and as odd as real ones."""

import statistics
import time
import unicodedata
from collections import Counter, defaultdict
from contextlib import closing
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from refserver.database import Database, LoginTakenError
from refserver.population import populate

START = datetime(2026, 10, 19, 4, 0, tzinfo=UTC)
END = datetime(2026, 11, 16, 5, 0, tzinfo=UTC)
ALIKE = "link_id, clicked_at_local, ip, country, referrer, user_agent, is_unique, conversion"


def fill(database: Database, **changes) -> int:
    """A month in New York with its clock change back, unless changed."""
    asked = {
        "login": "acme",
        "password": "secret",
        "timezone": "America/New_York",
        "links": 60,
        "clicks": 6000,
        "start": START,
        "end": END,
        "seed": 7,
    }
    return populate(database, **{**asked, **changes})


def rows(database: Database, query: str) -> list[tuple]:
    with database.reading() as connection:
        return connection.execute(query).fetchall()


@pytest.fixture(scope="module")
def populated(tmp_path_factory):
    with closing(Database(tmp_path_factory.mktemp("population") / "reference.db")) as database:
        fill(database)
        yield database


def test_the_same_arguments_make_the_same_clicks(tmp_path, populated) -> None:
    """Byte for byte, ids and links as well, whatever the password."""
    with closing(Database(tmp_path / "again.db")) as again:
        fill(again, password="another")
        for query in ("SELECT * FROM clicks ORDER BY id", "SELECT * FROM links ORDER BY id"):
            assert rows(again, query) == rows(populated, query)


def test_another_seed_makes_other_clicks(tmp_path, populated) -> None:
    """The seed decides."""
    query = "SELECT * FROM clicks ORDER BY id"
    with closing(Database(tmp_path / "other.db")) as other:
        fill(other, seed=8)
        assert rows(other, query) != rows(populated, query)


@settings(max_examples=25, deadline=None)
@given(
    clicks=st.integers(0, 400),
    links=st.integers(1, 30),
    seconds=st.integers(1, 5_000_000),
    seed=st.integers(),
)
def test_there_are_exactly_as_many_clicks_as_asked(
    tmp_path_factory, clicks, links, seconds, seed
) -> None:
    """And links; and no click is outside of the period or out of the order of its ids."""
    end = START + timedelta(seconds=seconds)
    with closing(Database(tmp_path_factory.mktemp("population") / "reference.db")) as database:
        fill(database, clicks=clicks, links=links, end=end, seed=seed)
        times = [
            time for (time,) in rows(database, "SELECT clicked_at_utc FROM clicks ORDER BY id")
        ]
        assert rows(database, "SELECT count(*) FROM links") == [(links,)]
    assert len(times) == clicks
    assert times == sorted(times)
    assert all(f"{START:%FT%TZ}" <= text < f"{end:%FT%TZ}" for text in times)


def test_days_and_hours_have_a_rhythm(populated) -> None:
    """Afternoons are busier than nights, and working days than Sundays."""
    times = [
        datetime.fromisoformat(text)
        for (text,) in rows(populated, "SELECT clicked_at_local FROM clicks")
    ]
    hours = Counter(when.hour for when in times)
    assert hours[15] > 5 * hours[3]
    days = defaultdict(list)
    for day, clicks in Counter(when.date() for when in times).items():
        days[day.weekday()].append(clicks)
    # The median, since a mailing makes a single day as busy as several.
    assert statistics.median(days[1]) > 1.3 * statistics.median(days[6])


def test_few_links_have_most_of_the_clicks(populated) -> None:
    """A long tail: the first tenth of the links has more than half as much as all the others."""
    counts = [n for (n,) in rows(populated, "SELECT count(*) FROM clicks GROUP BY link_id")]
    counts.sort(reverse=True)
    assert sum(counts[:6]) > sum(counts[6:]) / 2
    assert len(counts) > 50
    assert counts[-1] < counts[0] / 20


def test_there_are_bursts(populated) -> None:
    """Some seconds have clicks by the dozen."""
    (most,) = rows(
        populated, "SELECT count(*) FROM clicks GROUP BY clicked_at_utc ORDER BY 1 DESC LIMIT 1"
    )[0]
    assert most >= 8


def test_some_clicks_of_a_second_are_alike_to_the_letter(populated) -> None:
    """Nothing but the id tells them apart."""
    groups = rows(
        populated,
        f"SELECT count(*) FROM clicks GROUP BY clicked_at_utc, {ALIKE} HAVING count(*) > 1",
    )
    assert len(groups) > 20
    assert max(groups) >= (3,)


def test_even_a_small_population_is_odd(database) -> None:
    """A hundred clicks are enough for alike ones and a burst."""
    fill(database, clicks=100)
    groups = rows(database, f"SELECT count(*) FROM clicks GROUP BY {ALIKE} ORDER BY 1 DESC")
    seconds = rows(database, "SELECT count(*) FROM clicks GROUP BY clicked_at_utc ORDER BY 1 DESC")
    assert groups[0] >= (2,)
    assert seconds[0] >= (8,)


def test_a_repeated_hour_has_clicks_in_both_passes(populated) -> None:
    """The same local second in both of them, and two clicks there that are alike to the letter."""
    repeated = rows(
        populated,
        "SELECT clicked_at_utc, clicked_at_local FROM clicks"
        " WHERE clicked_at_local BETWEEN '2026-11-01 01' AND '2026-11-01 02'",
    )
    passes = defaultdict(set)
    for utc, local in repeated:
        passes[utc[:13]].add(local)
    assert set(passes) == {"2026-11-01T05", "2026-11-01T06"}
    assert passes["2026-11-01T05"] & passes["2026-11-01T06"]
    twins = rows(
        populated,
        f"SELECT min(clicked_at_utc), max(clicked_at_utc) FROM clicks GROUP BY {ALIKE}"
        " HAVING min(clicked_at_utc) < max(clicked_at_utc)",
    )
    assert len(twins) == 1
    first, second = (datetime.fromisoformat(text) for text in twins[0])
    assert second - first == timedelta(hours=1)


def test_the_first_click_of_a_visitor_within_half_an_hour_is_unique(database) -> None:
    """Reckoned again from the clicks: same link, address and user agent, 30 minutes."""
    fill(database, clicks=20_000, links=2, end=START + timedelta(hours=3))
    last: dict[tuple, datetime] = {}
    pauses = Counter()
    for instant, link, ip, agent, is_unique in rows(
        database,
        "SELECT clicked_at_utc, link_id, ip, user_agent, is_unique FROM clicks ORDER BY id",
    ):
        when = datetime.fromisoformat(instant)
        pause = when - last.get((link, ip, agent), datetime.min.replace(tzinfo=UTC))
        last[link, ip, agent] = when
        assert is_unique == (pause >= timedelta(minutes=30)), pause
        pauses[pause] += 1
    assert {timedelta(seconds=1799), timedelta(minutes=30)} <= set(pauses)


def test_text_is_of_every_kind(populated) -> None:
    """Empty fields, markup, quotes, controls, emoji, right-to-left, combining marks."""
    titles = {text for (text,) in rows(populated, "SELECT title FROM links")}
    referrers = {text for (text,) in rows(populated, "SELECT referrer FROM clicks")}
    agents = {text for (text,) in rows(populated, "SELECT user_agent FROM clicks")}
    countries = {text for (text,) in rows(populated, "SELECT country FROM clicks")}
    for texts in (titles, referrers, agents, countries):
        assert "" in texts
    for texts in (titles, referrers):
        every = "".join(texts)
        assert {"So", "Lo", "Po"} <= set(map(unicodedata.category, every))
        assert {"R", "AL"} & set(map(unicodedata.bidirectional, every))
        for part in ("<script>", "&", "]]>", '"', "'", "\r", "\n", "\t", "\ufffd", "\u202e"):
            assert part in every, part
    assert any(map(unicodedata.combining, "".join(titles)))


def test_visitors_have_addresses_of_both_kinds(populated) -> None:
    """IPv4 and IPv6, all of them from networks that nobody has."""
    addresses = [ip for (ip,) in rows(populated, "SELECT DISTINCT ip FROM clicks")]
    six = [ip for ip in addresses if ":" in ip]
    assert all(ip.startswith("2001:db8:") for ip in six)
    assert all(
        ip.startswith(("198.18.", "198.19.", "192.0.2.")) for ip in set(addresses) - set(six)
    )
    assert min(len(six), len(addresses) - len(six)) > 100


def test_links_have_all_that_get_links_shows(populated) -> None:
    """Of each field some with and some without; made before the first click, some at once."""
    for column in ("host", "title", "vanity_link", "description", "notes", "expires_at"):
        values = {text for (text,) in rows(populated, f"SELECT {column} FROM links")}
        assert len(values) > 1, column
        assert "" in values, column
    for column in ("is_active", "is_public"):
        assert set(rows(populated, f"SELECT {column} FROM links")) == {(0,), (1,)}
    created = [text for (text,) in rows(populated, "SELECT created_at_utc FROM links ORDER BY id")]
    assert created == sorted(created)
    assert len(set(created)) < len(created)
    ((first,),) = rows(populated, "SELECT min(clicked_at_utc) FROM clicks")
    assert created[-1] < first


def test_now_and_then_a_click_converts(populated) -> None:
    """An amount with two decimals, for some clicks of a thousand."""
    amounts = rows(populated, "SELECT conversion FROM clicks WHERE conversion != ''")
    assert 10 < len(amounts) < 150
    assert all(float(amount) >= 0 and amount[-3] == "." for (amount,) in amounts)


def test_a_populated_account_can_be_asked(serve, database) -> None:
    """The API gives as many clicks as the database holds."""
    fill(database)
    api = serve()
    window = {"start": "2026-10-01 00:00:00", "end": "2026-12-01 00:00:00"}
    assert api.json(**window)["total"] == 6000
    pages = [
        api.xml(**window, offset=offset).findall("history/record")
        for offset in range(0, 6001, 1000)
    ]
    assert [len(page) for page in pages] == [1000] * 6 + [0]
    assert len({record.findtext("id") for page in pages for record in page}) == 6000


def test_a_login_that_exists_is_refused(database) -> None:
    """And nothing is added to it."""
    fill(database, clicks=10)
    with pytest.raises(LoginTakenError, match="there is an account 'acme' already"):
        fill(database, clicks=10)
    assert rows(database, "SELECT count(*) FROM clicks") == [(10,)]
    assert rows(database, "SELECT count(*) FROM links") == [(60,)]


def test_a_population_is_made_whole_or_not_at_all(database, monkeypatch) -> None:
    """An account without its clicks would refuse to be populated again."""

    def fail(*_arguments) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(database, "add_clicks", fail)
    with pytest.raises(OSError, match="disk full"):
        fill(database)
    assert rows(database, "SELECT count(*) FROM accounts") == [(0,)]


@pytest.mark.parametrize("changes", [{"end": START}, {"links": 0}, {"clicks": -1}])
def test_an_impossible_population_is_refused(database, changes) -> None:
    """Before anything is made."""
    with pytest.raises(ValueError, match=r"has to end after|a link at least"):
        fill(database, **changes)
    assert rows(database, "SELECT count(*) FROM accounts") == [(0,)]


def test_populating_is_fast(database) -> None:
    """At a pace of a million clicks a minute, with room to spare."""
    began = time.process_time()
    fill(database, clicks=40_000)
    assert time.process_time() - began < 2.4
