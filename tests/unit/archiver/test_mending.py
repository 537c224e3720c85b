"""What a damaged day should hold."""

from collections import Counter
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.clicks import NOON, alike_clicks, changed, click, unhurried

from archiver.identity import bases_of, digest_of, facts_of, keys_of, reconcile
from archiver.mending import Mended, mend
from archiver.model import Row

LATER = "2026-11-19T12:00:01Z"

days = st.lists(alike_clicks, max_size=8) | st.lists(alike_clicks, max_size=8).map(
    lambda rows: [changed(row, id=str(number)) for number, row in enumerate(rows)]
)


def said_of(rows: Sequence[Row]) -> tuple[int, str]:
    """What the ledger has of a day."""
    return len(rows), f"{digest_of(rows):032x}"


def mended(stored: Sequence[Row], fetched: Sequence[Row], committed=None) -> Mended:
    return mend(stored, list(map(facts_of, stored)), fetched, committed)


def test_what_is_sound_stays():
    """All that is stored is given, and is what was committed."""
    rows = [click(ip="::1"), click(ip="::1"), click(LATER, id="7")]
    found = mended(rows, rows[::-1], said_of(rows))
    assert found == Mended(rows, [0, 1, 2], [], [], 0, [], as_committed=True)


@unhurried
@given(days, st.data())
def test_what_was_lost_comes_back(rows, data):
    """Whatever part of a day is left, it becomes the day that was committed."""
    left = data.draw(st.lists(st.sampled_from(range(len(rows))), unique=True)) if rows else []
    found = mended(
        [rows[place] for place in left], data.draw(st.permutations(rows)), said_of(rows)
    )
    assert Counter(found.rows) == Counter(rows)
    assert len(found.came) == len(rows) - len(left)
    assert found.as_committed
    assert found.set_aside == found.not_given == []


@unhurried
@given(days.filter(bool), st.sampled_from(["title", "country", "link", "extra"]), st.data())
def test_one_changed_letter_is_mended(rows, field, data):
    """Whether it is a fact of the click or belongs to its link: it is what was committed."""
    place = data.draw(st.integers(0, len(rows) - 1))
    damaged = changed(rows[place], **{field: '{"a": "x"}'})
    stored = [*rows[:place], damaged, *rows[place + 1 :]]
    found = mended(stored, rows, said_of(rows))
    assert found.as_committed
    assert Counter(found.rows) == Counter(rows)
    assert damaged in found.set_aside


def test_a_fact_is_mended_though_the_link_has_another_title_now():
    """The title is of that time: only what was changed is the service's."""
    was = click(id="7", title="Old", country="DE")
    found = mended(
        [changed(was, country="XX")], [changed(was, title="New", country="DE")], said_of([was])
    )
    assert (found.rows, found.as_committed) == ([was], True)


@unhurried
@given(days, alike_clicks, st.data())
def test_a_click_that_was_never_committed_goes(rows, foreign, data):
    """The digest shows it, though the service gives none of the day's clicks any more."""
    foreign = changed(foreign, user_agent="another program")
    stored = data.draw(st.permutations([*rows, foreign]))
    for fetched in (rows, rows[1:], []):
        found = mended(stored, fetched, said_of(rows))
        assert Counter(found.rows) == Counter(rows)
        assert found.set_aside == [foreign]
        assert found.as_committed


@unhurried
@given(days, st.lists(alike_clicks, min_size=2, max_size=4))
def test_several_that_were_never_committed_go_together(rows, foreign):
    """As long as the service gives all the others."""
    foreign = [changed(row, user_agent="another program") for row in foreign]
    found = mended([*foreign, *rows], rows, said_of(rows))
    assert Counter(found.rows) == Counter(rows)
    assert Counter(found.set_aside) == Counter(foreign)


@unhurried
@given(days, st.lists(alike_clicks, max_size=8))
def test_what_is_not_given_any_more_stays(rows, gone):
    """And late clicks come; nothing is damaged, so nothing is changed."""
    gone = [changed(row, user_agent="gone") for row in gone]
    late = click(id="late")
    found = mended([*rows, *gone], [*rows, late], said_of([*rows, *gone]))
    assert found.rows == [*rows, *gone, late]
    assert Counter(found.not_given) == Counter(gone)
    assert (found.came, found.set_aside, found.as_committed) == ([late], [], True)


def test_a_changed_fact_of_a_sound_day_stays_as_it_was():
    """It is a revision, as ever; the first version is never overwritten."""
    was = click(id="7")
    found = mended([was], [changed(was, conversion="9.50")], said_of([was]))
    assert found == Mended([was], [0], [], [], 0, [], as_committed=True)


def test_a_changed_fact_of_a_damaged_day_becomes_the_services():
    """Where the digest can't tell, for something else is gone for good; the old one is kept."""
    was, lost = click(id="7"), click(id="8")
    now = changed(was, conversion="9.50", title="New")
    found = mended([was], [now], said_of([was, lost]))
    assert found.rows == [changed(was, conversion="9.50")]
    assert (found.set_aside, found.replaced, found.as_committed) == ([was], 1, False)


def test_a_known_revision_is_no_damage():
    """A click whose later facts are known stays as it was first, damaged day or not."""
    was, now = click(id="7"), click(id="7", conversion="9.50")
    found = mend([was], [facts_of(now)], [now], said_of([was, click(id="8")]))
    assert (found.rows, found.set_aside) == ([was], [])


@pytest.mark.parametrize("given_again", [True, False])
def test_an_id_twice_is_a_click_once(given_again):
    """Whatever was committed: no slice has an id twice at one time."""
    row = click(id="7")
    found = mended([row, row], [row] if given_again else [], said_of([row, row]))
    assert (found.rows, found.set_aside) == ([row], [row])


def test_an_id_at_another_time_is_another_click():
    """As ever."""
    rows = [click(id="7"), click(LATER, id="7")]
    assert mended(rows, rows, said_of(rows)).rows == rows


def test_without_a_ledger_nothing_goes():
    """Nothing says what was committed: what reads as a click stays."""
    stored = [click(ip="::1"), click(ip="::2")]
    found = mended(stored, [stored[0]])
    assert (found.rows, found.as_committed) == (stored, False)


def test_a_ledger_that_says_nothing_of_a_day_empties_none():
    """A count and a digest of zero explain no full day away."""
    stored = [click(ip="::1"), click(ip="::1")]
    assert mended(stored, [], (0, f"{0:032x}")).rows == []
    assert mended(stored, [], (2, f"{0:032x}")).rows == stored


def test_a_count_that_was_edited_is_no_loss():
    """The digest shows that the clicks are those that were committed."""
    stored = [click(ip="::1"), click(ip="::1")]
    for count in (1, 7):
        found = mended(stored, [], (count, f"{digest_of(stored):032x}"))
        assert (found.rows, found.as_committed) == (stored, True)


@unhurried
@given(days, days, st.none() | st.tuples(st.integers(0, 5), st.integers(0, 2**128 - 1)), st.data())
def test_whatever_the_damage(stored, fetched, said, data):
    """Nothing is thrown away, no click that the service gives is missing, none is doubled."""
    committed = said and (said[0], f"{said[1]:032x}")
    found = mended(stored, fetched, committed)
    kept = [place for place in found.origins if place is not None]
    assert kept == sorted(set(kept))
    assert Counter(found.set_aside) >= Counter(
        stored[place] for place in range(len(stored)) if place not in kept
    )
    replaced = [
        place
        for place, row in zip(found.origins, found.rows, strict=True)
        if place is not None and stored[place] != row
    ]
    assert len(replaced) == found.replaced
    assert len(found.set_aside) == len(stored) - len(kept) + len(replaced)
    assert found.came == found.rows[len(kept) :]
    known = dict(zip(keys_of(found.rows), map(facts_of, found.rows), strict=True))
    assert len(known) == len(found.rows)
    assert reconcile(known, fetched).new == []
    most = Counter(bases_of(stored)) | Counter(bases_of(fetched))
    assert Counter(bases_of(found.rows)) <= most


def test_the_alike_go_with_their_equals():
    """Of clicks alike in identity, each is held against the one that is like it."""
    rows = [click(country=country, conversion=money) for country, money in
            (("DE", None), ("DE", "1.50"), ("FR", None))]  # fmt: skip
    damaged = changed(rows[2], country="XX")
    found = mended([rows[0], rows[1], damaged], rows[::-1], said_of(rows))
    assert (found.rows, found.set_aside) == (rows, [damaged])


def test_the_alike_that_are_stored_are_not_exchanged():
    """The one that was lost comes, though it is the first of them; the others stay."""
    rows = [click(country=country) for country in ("DE", "FR", "IT")]
    found = mended(rows[1:], rows, said_of([*rows, click(id="gone")]))
    assert (found.came, found.set_aside, found.as_committed) == (rows[:1], [], False)
    texts = [click(clicked_at_source=f"2026-11-19 12:00:00.{part}") for part in "123"]
    found = mended(texts[1:], texts, said_of([*texts, click(id="gone")]))
    assert (found.came, found.set_aside) == (texts[:1], [])


def test_many_alike_take_no_time():
    """A second of ten thousand clicks that are alike is held against itself at once."""
    rows = [click(NOON, conversion=str(number % 3)) for number in range(10_000)]
    assert mended(rows[1:], rows, said_of(rows)).as_committed


@pytest.mark.parametrize("later", ["a late click", "a rename", "both"])
@pytest.mark.parametrize("field", ["id", "user_agent"])
def test_a_changed_identity_doubles_nothing_whatever_came_later(later, field):
    """The click comes back under its own, and what was made of it goes, as the digest shows."""
    ids = [str(n) if field == "id" else None for n in range(4)]
    rows = [click(id=ids[n], ip=f"::{n}", link_id="3", title="Old") for n in range(4)]
    forged = changed(rows[1], **{field: "forged"})
    given = [changed(row, title="New") if later != "a late click" else row for row in rows]
    late = click(id="9" if field == "id" else None, ip="::9", link_id="3", title="Old")
    if later != "a rename":
        given.append(changed(late, title="New") if later == "both" else late)
    found = mended([rows[0], forged, *rows[2:]], given, said_of(rows))
    assert found.as_committed
    assert found.set_aside == [forged]
    assert len(found.rows) == len(given)
    assert set(rows) <= set(found.rows)
