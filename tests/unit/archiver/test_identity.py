"""When two records are one click: keys, multiplicities, revisions, digests."""

import json
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.clicks import NOON, alike_clicks, any_clicks, changed, click, texts, unhurried

from archiver.identity import (
    FACT_FIELDS,
    Reconciled,
    bases_of,
    content_of,
    digest_of,
    facts_of,
    keys_kept,
    keys_of,
    misnamed,
    reconcile,
    speaks_of_ids,
    without_ids,
)
from archiver.model import CLICK_FIELDS, CLICK_ID, CLICKED_AT, Row
from archiver.sources.envelope import parse_envelope
from archiver.sources.records import RecordReader
from archiver.timestamps import LocalTimes

NOTHING = Reconciled()
LATER_FACTS = {"country": "IT", "is_unique": True, "conversion": "7"}
ALL_FACTS = {**LATER_FACTS, "link_id": "99", "ip": "::9", "referrer": "r9", "user_agent": "u9"}


class Shelf:
    """What a store holds: the clicks in order of arrival, and each one's latest facts."""

    def __init__(self, rows: list[Row] | None = None) -> None:
        self.rows: list[Row] = []
        self.known: dict[str, tuple] = {}
        if rows is not None:
            self.take(rows)

    def take(self, rows: list[Row]) -> Reconciled:
        found = reconcile(self.known, rows)
        assert not self.known.keys() & set(found.new_keys)
        assert found.revised.keys() <= self.known.keys()
        self.rows += found.new
        self.known |= dict(zip(found.new_keys, map(facts_of, found.new), strict=True))
        self.known |= {key: facts_of(row) for key, row in found.revised.items()}
        return found


def identities(rows: list[Row]) -> "Counter[str]":
    return Counter(key.rpartition(":")[0] for key in keys_of(rows))


def own(rows: list[Row]) -> "Counter[tuple]":
    """The clicks by what is their own: not by what belongs to their links."""
    return Counter((row[CLICKED_AT], facts_of(row)) for row in rows)


slices = st.lists(alike_clicks, max_size=12)
slices_with_ids = st.lists(alike_clicks, max_size=8).map(
    lambda rows: [changed(row, id=str(number)) for number, row in enumerate(rows)]
)
any_slices = slices | slices_with_ids
shuffled = any_slices.flatmap(lambda rows: st.tuples(st.just(rows), st.permutations(rows)))


@unhurried
@given(any_slices)
def test_every_click_of_a_first_slice_is_new(rows):
    """An empty store takes each record, however many are alike, under a key of its own."""
    found = reconcile({}, rows)
    assert Counter(found.new) == Counter(rows)
    assert len(set(found.new_keys)) == len(rows)
    assert found.revised == {}


@unhurried
@given(shuffled)
def test_the_same_slice_again_changes_nothing(case):
    """Whatever the order of its records, a slice that is stored adds and revises nothing."""
    rows, again = case
    shelf = Shelf(rows)
    assert shelf.take(again) == NOTHING


@unhurried
@given(shuffled)
def test_the_order_of_records_gives_no_other_keys(case):
    """Two archives that read the same slice in other orders hold the same keys and facts."""
    rows, again = case
    assert Shelf(rows).known == Shelf(again).known


@unhurried
@given(slices, slices, st.randoms())
def test_a_growing_slice_adds_the_difference(rows, late, random):
    """Of clicks alike to the letter, as many are added as there are more than before."""
    shelf = Shelf(rows)
    together = rows + late
    random.shuffle(together)
    found = shelf.take(together)
    assert own(found.new) == own(late)
    assert found.revised == {}


@unhurried
@given(slices, slices)
def test_a_shrinking_slice_takes_nothing_away(rows, vanished):
    """What vanished upstream is named, stays stored, and isn't doubled when it comes back."""
    shelf = Shelf(rows + vanished)
    found = shelf.take(rows)
    assert found == Reconciled(vanished=found.vanished)
    assert len(set(found.vanished)) == len(found.vanished)
    missing = Counter(shelf.known[key] for key in found.vanished)
    assert missing == Counter(map(facts_of, vanished))
    assert shelf.take(rows + vanished) == NOTHING


@unhurried
@given(st.lists(slices, max_size=4))
def test_the_larger_multiplicity_is_kept(readings):
    """After any readings, of each identity as many are stored as one reading had at most."""
    shelf = Shelf()
    most: Counter[str] = Counter()
    for rows in readings:
        shelf.take(rows)
        most |= identities(rows)
    assert identities(shelf.rows) == most


@unhurried
@given(any_slices)
def test_stored_clicks_give_their_keys_again(rows):
    """The keys computed from what is stored, in its order, are those that were given."""
    found = reconcile({}, rows)
    assert keys_of(found.new) == found.new_keys


@unhurried
@given(slices, slices)
def test_keys_of_later_clicks_come_out_of_the_stored_order_too(rows, late):
    """A store that is appended to gives the same keys when it is read from its beginning."""
    shelf = Shelf(rows)
    shelf.take(rows + late)
    assert keys_of(shelf.rows) == list(shelf.known)


@pytest.mark.parametrize("field", LATER_FACTS)
@unhurried
@given(data=st.data(), rows=st.lists(alike_clicks, min_size=1, max_size=8))
def test_a_changed_fact_is_one_revision(field, data, rows):
    """A changed fact is no new click but a revision, and only at the first sight of it."""
    shelf = Shelf(rows)
    number = data.draw(st.integers(0, len(rows) - 1))
    now = list(rows)
    now[number] = changed(now[number], **{field: LATER_FACTS[field]})
    expected = 0 if now == rows else 1
    found = shelf.take(data.draw(st.permutations(now)))
    assert found.new == []
    assert len(found.revised) == expected
    assert shelf.take(data.draw(st.permutations(now))) == NOTHING
    assert shelf.take(data.draw(st.permutations(now))) == NOTHING


@pytest.mark.parametrize("click_id", [None, "5"])
def test_a_changed_unknown_field_is_no_revision(click_id):
    """One that changes by itself, such as an age, would make a revision each run."""
    first = click(id=click_id, extra='{"age":"1 day"}')
    shelf = Shelf([first])
    assert shelf.take([changed(first, extra='{"age":"2 days"}')]) == NOTHING
    assert shelf.rows == [first]


@pytest.mark.parametrize("field", FACT_FIELDS)
def test_with_an_id_every_fact_may_change(field):
    """Where the service gives ids, any fact of its own is a revision of that one click."""
    first = click(id="5", link_id="17", ip="192.0.2.1")
    shelf = Shelf([first, changed(first, id="6")])
    now = changed(first, **{field: ALL_FACTS[field]})
    found = shelf.take([changed(first, id="6"), now])
    assert found.new == []
    assert list(found.revised.values()) == [now]
    assert shelf.take([now, changed(first, id="6")]) == NOTHING


@pytest.mark.parametrize("row_id", ["5", None])
@pytest.mark.parametrize("field", ["destination", "title", "group", "link", "clicked_at_source"])
def test_what_belongs_to_the_link_changes_no_click(field, row_id):
    """A renamed, regrouped or redirected link is no new click and no revision."""
    first = click(
        id=row_id, link_id="17", title="Old", link="http://l/.1", destination="http://d/"
    )
    assert Shelf([first]).take([changed(first, **{field: "other"})]) == NOTHING


def test_a_fact_that_changes_back_is_a_revision_again():
    """Each change is kept: there and back again are two."""
    first = click(conversion=None)
    shelf = Shelf([first])
    assert len(shelf.take([changed(first, conversion="1")]).revised) == 1
    assert len(shelf.take([first]).revised) == 1
    assert shelf.take([first]) == NOTHING


def test_of_clicks_alike_the_unchanged_ones_find_themselves():
    """Of three alike clicks one converts: the two others aren't taken for it."""
    three = [click(ip="::1")] * 3
    shelf = Shelf(three)
    now = [changed(three[0], conversion="9"), *three[1:]]
    assert list(shelf.take(now).revised.values()) == [now[0]]
    assert Counter(shelf.known.values()) == Counter(map(facts_of, now))


@pytest.mark.parametrize("field", ["clicked_at", "link_id", "ip", "referrer", "user_agent"])
def test_what_cannot_change_makes_another_click(field):
    """Without ids, another time, link, address, referrer or agent is another click."""
    first = click(link_id="17", ip="::1", referrer="r", user_agent="u")
    other = {"clicked_at": "2026-11-19T12:00:01Z"}.get(field, "other")
    another = changed(first, **{field: other})
    found = Shelf([first]).take([another])
    assert (found.new, found.revised) == ([another], {})


def test_the_link_stands_in_for_its_id():
    """Where the service gives no id of the link, the link itself tells clicks apart."""
    assert keys_of([click(link="a")]) != keys_of([click(link="b")])
    assert keys_of([click(link="a", link_id="1")]) == keys_of([click(link="b", link_id="1")])


def test_an_id_at_another_time_is_another_click():
    """An id is one click's only together with its time."""
    first = click(id="5")
    later = click("2026-11-19T12:00:01Z", id="5")
    shelf = Shelf([first])
    found = shelf.take([later])
    assert (found.new, found.revised) == ([later], {})
    assert shelf.take([later]) == Reconciled(vanished=keys_of([first]))
    assert shelf.take([first]) == Reconciled(vanished=keys_of([later]))


def test_the_keys_of_some_ids_can_be_left_out():
    """Whatever colons an id has; a key without an id stays."""
    rows = [click(id="a:6"), click(id="6"), click(ip="::1")]
    assert without_ids(keys_of(rows), {"a:6"}) == keys_of(rows)[1:]
    assert without_ids(keys_of(rows), {"6", "1"}) == [keys_of(rows)[0], keys_of(rows)[2]]


@unhurried
@given(any_slices, any_slices)
def test_each_stored_click_is_given_again_or_missing(before, after):
    """Stored and fetched clicks are paired one to one: what is left over on either side is new or
    has vanished.
    """
    shelf = Shelf(before)
    stored = len(shelf.known)
    found = shelf.take(after)
    assert stored - len(found.vanished) == len(after) - len(found.new)
    assert not found.revised.keys() & set(found.vanished)


@unhurried
@given(any_clicks, texts)
def test_keys_with_and_without_ids_never_collide(row, text):
    """No id, whatever its text, has the key of a click without one."""
    without = keys_of([changed(row, id=None)])[0]
    for click_id in (text, without, without.removeprefix("event:")):
        key = keys_of([changed(row, id=click_id)])[0]
        assert key != without
        assert speaks_of_ids([key, without]) == {True, False}


@unhurried
@given(st.lists(st.tuples(st.sampled_from([NOON, "2026-11-19T12:00:01Z"]), texts), unique=True))
def test_each_id_and_time_has_a_key_of_its_own(pairs):
    """Ids of any text, with colons and digits, are told apart."""
    keys = keys_of([click(at, id=click_id) for at, click_id in pairs])
    assert len(set(keys)) == len(pairs)


def test_no_keys_speak_of_nothing():
    """An empty window says nothing on whether the service gives ids."""
    assert speaks_of_ids([]) == set()


BODIES = {
    "json null": b'{"history":[{"clicked_at":"2026-11-19 12:00:00","link_id":"17","id":null,'
    b'"ip":null,"referrer":null,"user_agent":"u"}]}',
    "json empty": b'{"history":[{"clicked_at":"2026-11-19 12:00:00","link_id":"17","id":"",'
    b'"ip":"","referrer":"","user_agent":"u"}]}',
    "json absent, a number, another order": b'{"history":[{"user_agent":"u","link_id":17,'
    b'"clicked_at":"2026-11-19 12:00:00"}]}',
    "xml empty": b"<response><history><record><clicked_at>2026-11-19 12:00:00</clicked_at>"
    b"<link_id>17</link_id><id/><ip></ip><referrer/><user_agent>u</user_agent></record>"
    b"</history></response>",
    "xml absent": b"<response><history><record><user_agent>u</user_agent><link_id>17</link_id>"
    b"<clicked_at>2026-11-19 12:00:00</clicked_at></record></history></response>",
}


@pytest.mark.parametrize("name", BODIES)
def test_the_form_of_an_answer_is_no_part_of_identity(name):
    """XML and JSON, empty, null and absent fields give the same click the same key."""
    form = "json" if name.startswith("json") else "xml"
    reader = RecordReader(
        account="acme", service="linktrack", to_utc=LocalTimes("UTC").to_utc, names={}
    )
    rows, _ = reader.read(parse_envelope(BODIES[name], form, "history").records)
    assert keys_of(rows) == keys_of([click(link_id="17", user_agent="u")])


@unhurried
@given(st.lists(any_clicks, max_size=6), st.randoms())
def test_a_digest_knows_no_order(rows, random):
    """The same clicks in any order, and in any portions, have the same digest."""
    assert digest_of(rows) == digest_of(iter(random.sample(rows, len(rows))))
    assert (digest_of(rows[:2]) + digest_of(rows[2:])) % (1 << 128) == digest_of(rows)


@unhurried
@given(any_clicks, st.sampled_from(CLICK_FIELDS), st.data())
def test_one_changed_letter_changes_the_digest(row, field, data):
    """Whatever letter changes in whatever field, the digest shows it."""
    value = row[CLICK_FIELDS.index(field)]
    if isinstance(value, str):
        at = data.draw(st.integers(0, len(value) - 1))
        other: object = value[:at] + chr(ord(value[at]) ^ 1) + value[at + 1 :]
    else:
        other = "x" if value is None else not value
    assert digest_of([changed(row, **{field: other})]) != digest_of([row])


def test_a_digest_counts():
    """A click twice isn't a click once, and nothing isn't a click."""
    row = click()
    assert len({digest_of([]), digest_of([row]), digest_of([row, row])}) == 3


def test_a_value_in_the_neighbouring_field_changes_the_digest():
    """The same text under another name is another click."""
    assert digest_of([click(ip="x")]) != digest_of([click(country="x")])


@unhurried
@given(any_clicks)
def test_content_is_plain_canonical_json(row):
    """A click's content is what any JSON writer makes of its values, without spaces."""
    plain = json.dumps(list(row), ensure_ascii=False, separators=(",", ":"))
    assert content_of(row) == plain.encode()


# Keys of what is stored already


@unhurried
@given(any_slices, st.randoms())
def test_stored_clicks_bear_their_own_keys(rows, random):
    """Whatever order they are read in, and whichever of the alike has which number."""
    one_order = sorted(random.sample(rows, len(rows)), key=lambda row: bases_of([row]))
    keys = keys_of(one_order)
    other_order = sorted(random.sample(keys, len(keys)), key=lambda key: key.rpartition(":")[0])
    if all(row[CLICK_ID] is None for row in rows):
        assert misnamed(one_order, other_order) == 0
    assert misnamed(one_order, keys) == 0


@unhurried
@given(any_slices.filter(bool), st.data())
def test_a_key_that_is_not_its_clicks_is_counted(rows, data):
    """Another key altogether, a number that leaves a gap, or two that were swapped."""
    keys = keys_of(rows)
    place = data.draw(st.integers(0, len(rows) - 1))
    for wrong in ("event:0:1", f"{keys[place]}9", ""):
        assert misnamed(rows, [*keys[:place], wrong, *keys[place + 1 :]]) == 1
    other = next(
        (i for i, each in enumerate(bases_of(rows)) if each != bases_of(rows)[place]), None
    )
    if other is not None:
        keys[place], keys[other] = keys[other], keys[place]
        assert misnamed(rows, keys) == 2


@unhurried
@given(any_slices, slices, st.randoms())
def test_kept_clicks_keep_their_keys(rows, others, random):
    """When clicks go and others come, the keys are those of the clicks that there are, none
    twice, and each that is still possible stays with its click.
    """
    stay = [
        (row, key) for row, key in zip(rows, keys_of(rows), strict=True) if random.random() < 0.7
    ]
    now = [row for row, _ in stay] + others
    wanted = [key for _, key in stay] + [None] * len(others)
    keys = keys_kept(now, wanted)
    possible = Counter(keys_of(now))
    assert Counter(keys) == possible
    for wish, key in zip(wanted, keys, strict=True):
        assert wish is None or key == wish or wish not in possible or keys_of(rows).count(wish) > 1


def test_kept_keys_close_the_gap_of_a_click_that_is_gone():
    """Of three alike the first is gone: the third has its number now, the second keeps its own."""
    rows = [click(ip="::1", country=country) for country in ("DE", "FR", "IT")]
    first, second, third = keys_of(rows)
    assert keys_kept(rows[1:], [second, third]) == [second, first]


def test_a_key_of_another_click_is_not_kept():
    """A key that another program wrote to a click isn't its own, though it is another's."""
    rows = [click(ip="::1"), click(ip="::2")]
    assert keys_kept(rows, keys_of(rows)[::-1]) == keys_of(rows)
