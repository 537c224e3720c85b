"""A page's standing: which links, their ranks, how they fared; and what templates may do."""

import re
import time
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.clicks import unhurried

from archiver.config import Page
from archiver.errors import ConfigError
from jobs.page import render
from jobs.standing import standing
from jobs.template_files import TemplateFiles
from jobs.trend import change, daily, line
from storage.standings import LinkHistory, Snapshot

NOW = datetime(2026, 11, 19, 3, 15, tzinfo=UTC)
HOSTILE = "<script>alert(1)</script> “Ünïcode” 🏆"


def page(**values) -> Page:
    return Page(account="acme", output=Path("/p/contest.html"), **values)


def made(*arguments) -> str:
    return render(*arguments).decode()


def link(key: str, clicks: int | None = None, **values) -> LinkHistory:
    """A link with its latest total alone."""
    taken = () if clicks is None else (Snapshot(NOW, clicks, clicks // 2),)
    return LinkHistory(key, **{"link_id": key, "snapshots": taken, **values})


def snapshots(*taken: tuple[float, int]) -> tuple[Snapshot, ...]:
    """Totals, each as (hours before now, clicks)."""
    return tuple(Snapshot(NOW - timedelta(hours=back), clicks, None) for back, clicks in taken)


def ids(shown) -> list[str | None]:
    return [entry.id for entry in shown.entries]


links = st.lists(
    st.builds(
        link,
        st.integers(0, 30).map(str) | st.sampled_from(["b", "a", "007"]),
        st.none() | st.integers(0, 3),
        title=st.sampled_from([None, "T", "t", "U"]),
        created_at=st.sampled_from([None, "2026-11-01 10:00:00", "2026-11-02 10:00:00"]),
    ),
    max_size=12,
    unique_by=lambda each: each.key,
)


@unhurried
@given(links, st.sampled_from(["clicks", "unique_clicks"]), st.sampled_from(["asc", "desc"]))
def test_equal_numbers_share_a_rank_and_go_by_id(given_links, sort, order):
    """A rank is 1 and how many links are before it; ids that are numbers compare as numbers."""
    entries = standing(page(sort=sort, order=order), given_links).entries
    known = [entry for entry in entries if entry.clicks is not None]
    assert entries[: len(known)] == tuple(known)
    assert all(entry.rank is None for entry in entries[len(known) :])
    values = [getattr(entry, sort) for entry in known]
    assert values == sorted(values, reverse=order == "desc")
    assert [entry.rank for entry in known] == [1 + values.index(value) for value in values]
    for one, next_one in pairwise(known):
        if getattr(one, sort) == getattr(next_one, sort) and one.id.isdigit():
            assert not next_one.id.isdigit() or int(one.id) <= int(next_one.id)
        elif getattr(one, sort) == getattr(next_one, sort):
            assert one.id < next_one.id


@unhurried
@given(
    links,
    st.sampled_from(["id", "title", "clicks", "unique_clicks", "created_at"]),
    st.sampled_from(["asc", "desc"]),
    st.randoms(),
)
def test_the_order_is_the_same_however_links_come(given_links, sort, order, random):
    """Ties leave nothing to chance, and no link is lost."""
    asked = page(sort=sort, order=order)
    shown = standing(asked, given_links)
    random.shuffle(given_links)
    assert standing(asked, given_links) == shown
    assert sorted(ids(shown)) == sorted(each.key for each in given_links)


def test_ids_beyond_any_number():
    """An id of 5,000 digits is a number like any other."""
    keys = ["9" * 5000, "10", "9", "x"]
    shown = standing(page(sort="id", order="asc"), map(link, keys))
    assert ids(shown) == ["9", "10", "9" * 5000, "x"]
    assert [entry.rank for entry in shown.entries] == [1, 2, 3, 4]


@pytest.mark.parametrize(
    ("sort", "order", "expected"),
    [
        ("id", "desc", ["10", "9", "2"]),
        ("title", "asc", ["10", "9", "2"]),
        ("title", "desc", ["2", "9", "10"]),
        ("clicks", "desc", ["9", "10", "2"]),
        ("clicks", "asc", ["10", "9", "2"]),
        ("created_at", "asc", ["9", "10", "2"]),
        ("created_at", "desc", ["10", "9", "2"]),
    ],
)
def test_sorted_as_asked(sort, order, expected):
    """By what is asked, in its order; what isn't known comes last in either."""
    given_links = [
        link("2", None, link="http://l/.x"),
        link("9", 7, title="B", created_at="2026-01-01 00:00:00"),
        link("10", 3, title="a", created_at="2026-01-02 00:00:00"),
    ]
    assert ids(standing(page(sort=sort, order=order), given_links)) == expected


@pytest.mark.parametrize(
    ("choice", "expected"),
    [
        ({}, ["1", "2", "3"]),
        ({"group": "contest"}, ["1"]),
        ({"links": ["3", "1", "99"]}, ["1", "3"]),
        ({"host": "GO.example.com"}, ["2", "3"]),
        ({"host": "go.example.com:8080"}, ["2"]),
        ({"host": "nowhere.example"}, []),
    ],
)
def test_which_links_are_shown(choice, expected):
    """Those of a group, of these ids, of a host as stated or in the address; or all."""
    given_links = [
        link("1", 1, group="contest", link="http://[l/.1"),
        link("2", 1, link="http://Go.example.com:8080/.2"),
        link("3", 1, link="http://l/.3", host="go.example.com"),
    ]
    assert ids(standing(page(**choice), given_links)) == expected


@pytest.mark.parametrize("named", ["abc", "http://l/abc", "http://elsewhere/abc"])
def test_a_link_without_an_id_is_named_by_itself_or_its_hash(named):
    """As it may be in the configuration. One with an id has that alone."""
    without = link("http://l/abc", 1, link_id=None, link="http://l/abc")
    other = link("http://l/other", 1, link_id=None, link="http://l/other")
    with_id = link("abc/17", 1, link="http://l/17")
    shown = standing(page(links=[named, "17"]), [other, without, with_id])
    assert [entry.link for entry in shown.entries] == ["http://l/abc"]


def test_a_link_whose_address_cannot_be_read_has_a_host_all_the_same():
    """The one that the service states."""
    given_links = [link("1", 1, link="http://[l/.1", host="Go.example.com"), link("2", 1)]
    assert ids(standing(page(host="go.example.com"), given_links)) == ["1"]


@pytest.mark.parametrize(
    ("settings", "medals"),
    [
        ({}, [1, 1, 3, None, None]),
        ({"order": "asc"}, [None] * 5),
        ({"sort": "title"}, [None] * 5),
    ],
)
def test_the_first_three_are_those_with_most_clicks(settings, medals):
    """Ranks 1 to 3 of a sort by clicks; nobody without clicks, and no lowest first."""
    given_links = [link(str(n), clicks) for n, clicks in enumerate((9, 9, 5, 0, 0))]
    assert [entry.medal for entry in standing(page(**settings), given_links).entries] == medals
    none = [link(str(n), 0) for n in range(3)]
    assert {entry.medal for entry in standing(page(), none).entries} == {None}


@pytest.mark.parametrize(
    ("taken", "expected"),
    [
        ([], None),
        ([(0, 50)], None),
        ([(24, 40), (0, 50)], 10),
        ([(30, 20), (23, 41), (0, 50)], 9),
        ([(24, 60), (0, 50)], -10),
        ([(36, 40), (0, 50)], None),
        ([(35.9, 40), (12, 45), (0, 50)], 10),
        ([(11, 40), (0, 50)], None),
        ([(240, 40), (0, 50)], None),
    ],
)
def test_the_change_since_the_day_before(taken, expected):
    """Since the totals nearest to 24 hours before; none where none are within half a day."""
    assert change(snapshots(*taken)) == expected


@pytest.mark.parametrize(
    ("taken", "expected"),
    [
        ([], [None] * 14),
        ([(0, 5)], [None] * 14),
        ([(24, 2), (0, 5)], [None] * 13 + [3]),
        ([(96, 0), (72, 1), (0, 11)], [None] * 10 + [1, 3, 3, 4]),
        ([(400, 0), (24, 9), (0, 5)], [None] * 13 + [-4]),
        ([(24 * back, -(back**2)) for back in range(20, -1, -1)], list(range(27, 0, -2))),
    ],
)
def test_clicks_a_day(taken, expected):
    """Fourteen days, oldest first; days without totals share evenly what came by the next."""
    assert daily(snapshots(*taken)) == tuple(expected)


@unhurried
@given(st.dictionaries(st.integers(0, 14), st.integers(0, 10**6), min_size=1))
def test_clicks_a_day_add_up(totals):
    """Whatever days have no totals, no click is lost and none invented."""
    totals.setdefault(0, 0)
    taken = [(24 * back, totals[back]) for back in sorted(totals, reverse=True)]
    assert sum(filter(None, daily(snapshots(*taken)))) == taken[-1][1] - taken[0][1]


@unhurried
@given(st.lists(st.none() | st.integers(-5, 10**9), min_size=14, max_size=14))
def test_the_line_stays_in_its_box(days):
    """A point for each known day, from left to right, none outside."""
    points = line(days, 112, 26)
    assert len(points) == sum(day is not None for day in days)
    assert all(0 <= x <= 112 and 0 <= y <= 26 for x, y in points)
    assert [x for x, _ in points] == sorted({x for x, _ in points})


def test_the_line_begins_at_nothing():
    """No clicks lie at the bottom, the best day at the top, whatever the least is."""
    assert line([None, 0, 5, 10], 30, 20) == [(10, 20), (20, 10), (30, 0)]
    assert [y for _, y in line([0, 0], 30, 20)] == [20, 20]
    assert [y for _, y in line([4, 8], 30, 20)] == [10, 0]
    assert [y for _, y in line([-5, 5], 30, 20)] == [20, 0]


def test_titles_are_text():
    """Neither our template nor an own one lets a title be markup, in text or in an attribute."""
    quotes = """'"><img src=x onerror=alert(1)>"""
    given_links = [
        link("1", 2, title=HOSTILE),
        link("2", 2, title=HOSTILE, link="http://l/.2"),
        link("3", 1, title=quotes, link=f"http://l/{quotes}"),
    ]
    html = made(standing(page(title=HOSTILE), given_links), None, "contest.json")
    assert html.count("&lt;script&gt;alert(1)&lt;/script&gt; “Ünïcode” 🏆") == 4
    assert "<script" not in html
    assert "<img" not in html


@pytest.mark.parametrize("address", ["javascript:alert(1)", "data:text/html,x", " javascript:x"])
def test_a_link_that_is_none_leads_nowhere(address):
    """Only http and https become links."""
    html = made(standing(page(), [link("1", 2, link=address)]), None, "c.json")
    assert "<a href" not in html[: html.index("<footer>")]
    assert address in html


def test_nothing_comes_from_elsewhere():
    """The page names no file but the JSON beside it, and forbids the browser to load any."""
    given_links = [link("1", 2, title="T", link="http://l/.1")]
    html = made(standing(page(), given_links), None, "a b.json")
    assert re.findall(r'(?:src|href)="([^"]*)"', html) == ["http://l/.1", "./a%20b.json"]
    assert "default-src 'none'" in html
    assert not re.search(r"@import|url\(|<script|<link|<img", html)


def test_a_page_without_links_is_friendly():
    """It says so, and shows no empty table."""
    html = made(standing(page(), []), None, "c.json")
    assert "No links here yet" in html
    assert "<table" not in html


def own(tmp_path: Path, text: str, name: str = "ours.html", guarded_as=lambda _: None) -> str:
    """What an own template makes of one hostile title."""
    (tmp_path / name).write_text(text, encoding="utf-8")
    shown = standing(page(title="T"), [link("1", 12345, title=HOSTILE)])
    return made(shown, TemplateFiles(tmp_path / "ours.html", guarded_as), "contest.json")


@pytest.mark.parametrize("own_template", [True, False])
def test_what_cannot_be_shown_is_marked(tmp_path, own_template):
    """Control characters are none of HTML's, wherever they come from; white space is."""
    (tmp_path / "ours.html").write_text("{{ title }}{{ entries[0].title }}", encoding="utf-8")
    template = TemplateFiles(tmp_path / "ours.html", lambda _: None) if own_template else None
    shown = standing(
        page(title="T\x1b"), [link("1", 1, title="a\0b\tc\x7f\x85d", link="http://\x08")]
    )
    html = made(shown, template, "c.json")
    assert not set(html) & set("\0\x1b\x7f\x85\x08")
    assert "a\ufffdb\tc\ufffd\ufffdd" in html
    assert "T\ufffd" in html


@pytest.mark.parametrize("title", [None, "", " ", "\t\n", "\u200b", "\0", "\u00a0"])
def test_a_title_of_which_nothing_shows_is_none(title):
    """The link stands in its place."""
    [entry] = standing(page(), [link("1", 1, title=title, link="http://l/.1")]).entries
    assert entry.title == "http://l/.1"


def test_a_very_long_title_is_cut():
    """To 500 characters, the last of which says so."""
    titles = ["x" * 500, "x" * 501, "x" * 1_000_000]
    given_links = [link(str(number), 1, title=title) for number, title in enumerate(titles)]
    cut = "x" * 499 + "…"
    assert [entry.title for entry in standing(page(), given_links).entries] == [
        titles[0], cut, cut,
    ]  # fmt: skip


def test_an_own_template(tmp_path):
    """It has the documented variables and filters, includes its neighbours, and is escaped."""
    (tmp_path / "foot.txt").write_text("{{ json_name }} & co", encoding="utf-8")
    text = (
        "{{ title }} {{ account }} {{ sort }} {{ order }} {{ taken_at.year }}"
        "{% for e in entries %}|{{ e.rank }} {{ e.title }} {{ e.clicks | number }} {{ e.medal }}"
        "{{ e.change }} {{ e.daily | line(10, 10) }}{% endfor %}|{% include 'foot.txt' %}"
    )
    assert own(tmp_path, text) == (
        "T acme clicks desc 2026|1 &lt;script&gt;alert(1)&lt;/script&gt; “Ünïcode” 🏆 12,345 1"
        "None []|contest.json & co"
    )


def test_an_own_template_may_extend_ours(tmp_path):
    """Its blocks take the place of ours, the rest stays."""
    text = '{% extends "link-archiver/page.html" %}{% block footer %}Ours.{% endblock %}'
    html = own(tmp_path, text)
    assert "Ours." in html
    assert "<footer>" not in html
    assert html.startswith("<!DOCTYPE html>")


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("data.json", r"a template takes files that end in \.html, "),
        (".hidden/x.txt", "it is hidden, or in a hidden folder"),
        ("leads-out.txt", "it leads out of the template's folder"),
        ("guarded.txt", "it would show a secret"),
    ],
)
def test_what_an_own_template_may_not_include(tmp_path, name, reason):
    """What isn't for the web, what is hidden, what lies elsewhere, what is guarded."""
    folder = tmp_path / "own"
    for path in (folder / "data.json", folder / ".hidden" / "x.txt", folder / "guarded.txt"):
        path.parent.mkdir(exist_ok=True)
        path.write_text("secret", encoding="utf-8")
    (tmp_path / "out.txt").write_text("secret", encoding="utf-8")
    (folder / "leads-out.txt").symlink_to("../out.txt")
    with pytest.raises(ConfigError, match=rf"ours\.html, line 1: {name} can't .* here: {reason}"):
        own(
            folder,
            f"{{% include '{name}' %}}",
            guarded_as=lambda path: "a secret" if path.name == "guarded.txt" else None,
        )


def test_an_own_template_has_parts_in_folders(tmp_path):
    """What it includes may lie below its own folder; not above."""
    (tmp_path / "parts").mkdir()
    (tmp_path / "parts" / "foot.svg").write_text("<svg/>", encoding="utf-8")
    assert own(tmp_path, "{% include 'parts/foot.svg' %}") == "<svg/>"
    with pytest.raises(ConfigError, match="there is no template"):
        own(tmp_path, "{% include '../x.txt' %}")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a\n{% for e in entries %}", r"ours\.html, line 2: Unexpected end of template"),
        ("a\n\n{{ titel }}", r"ours\.html, line 3: 'titel' is undefined"),
        ("\n{{ entries[0].nosuch }}", r"ours\.html, line 2: .* has no attribute 'nosuch'"),
        ("\n{{ 1 / 0 }}", r"ours\.html, line 2: ZeroDivisionError: division by zero"),
        ("{% include 'foot.txt' %}", "there is no template foot.txt in "),
        ("\n{% include 'broken.txt' %}", r"broken\.txt, line 2: "),
        ("\n{{ ''.__class__.__mro__ }}", r"ours\.html, line 2: access to attribute '__class__'"),
        ("{{ ''.__class__ }}", r"is unsafe\. Mend the template"),
        ("\n{% include 'bytes.txt' %}", r"ours\.html, line 2: bytes\.txt can't be read: 'utf-8'"),
    ],
)
def test_an_error_in_an_own_template(tmp_path, text, said):
    """Its file and line are named, and what is wrong; nothing of Python can be reached."""
    (tmp_path / "broken.txt").write_text("\n{{ nosuch }}", encoding="utf-8")
    (tmp_path / "bytes.txt").write_bytes(b"\xff")
    with pytest.raises(ConfigError, match=said):
        own(tmp_path, text)


def test_an_own_template_that_loops_comes_to_an_end(tmp_path, monkeypatch):
    """Its line is named; it may run for half a minute, and nothing is raised after that."""
    monkeypatch.setattr("jobs.page._SECONDS", 0.2)
    loops = "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}"
    with pytest.raises(ConfigError, match=r"ours\.html, line 2: it takes more than 0.2 seconds"):
        own(tmp_path, "\n" + loops)
    begun = time.process_time()
    while time.process_time() - begun < 1.5:
        pass


@pytest.mark.parametrize("content", [None, b"\xff\xfe"])
def test_a_template_that_cannot_be_read(tmp_path, content):
    """It is named."""
    path = tmp_path / "ours.html"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ConfigError, match=r"ours\.html: .*Check the page's template"):
        made(standing(page(), []), TemplateFiles(path, lambda _: None), "c.json")
