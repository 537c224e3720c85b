"""What shapes identity is kept, and a change of it is refused with the remedy."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from support.clicks import click

from archiver.errors import ConfigError
from archiver.model import Window
from archiver.store import Commit
from archiver.timestamps import format_utc
from storage.opening import Archive, open_archive
from storage.settings import IdentitySettings

GIVEN = IdentitySettings("linktrack", "America/New_York", {"referrer": "referer"}, "keep")
NOW = datetime(2026, 11, 19, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


@pytest.fixture
def archive(tmp_path):
    with open_archive(tmp_path / "archive", "sqlite") as opened:
        hold(opened, GIVEN)
        yield opened


def hold(archive: Archive, settings: IdentitySettings, name: str = "acme") -> None:
    with archive.transaction():
        archive.settings.hold_account(name, settings)


def hold_ip(archive: Archive, ip: str) -> str | None:
    with archive.transaction():
        return archive.settings.hold_ip("acme", ip)


def cover(archive: Archive, start: datetime, end: datetime, name: str = "acme") -> None:
    archive.store.commit(Commit(name, Window(start, end), [], [], {}, NOW))


def test_the_same_settings_are_always_allowed(archive):
    """A second run with the same configuration changes nothing."""
    hold(archive, GIVEN)
    hold(archive, replace(GIVEN, fields=dict(GIVEN.fields)))
    assert archive.settings.lookback_from("acme") is None


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"service": "linkbee"}, "service was linktrack .* is now linkbee"),
        ({"timezone": "UTC"}, "timezone was America/New_York .* is now UTC"),
        ({"fields": {}}, r'fields was \{"referrer": "referer"\} .* is now \{\}'),
        ({"fields": {"referrer": "ref"}}, 'is now {"referrer": "ref"}'),
    ],
)
def test_a_change_that_shapes_identity_is_refused(archive, change, said):
    """The error names the account, both values and both ways out, and nothing is changed."""
    for _ in range(2):
        with pytest.raises(ConfigError, match=said) as raised:
            hold(archive, replace(GIVEN, **change))
        assert str(raised.value).startswith("account acme: ")
        assert "Set it back to" in str(raised.value)
        assert "give the account a new name" in str(raised.value)
    hold(archive, GIVEN)


def test_all_changes_are_told_at_once(archive):
    """Nobody mends one after the other."""
    with pytest.raises(ConfigError) as raised:
        hold(archive, IdentitySettings("linkbee", "UTC", {}, "hash"))
    assert len(raised.value.problems) == 3


def test_another_account_has_settings_of_its_own(archive):
    """A new name is a new account: the remedy works."""
    hold(archive, replace(GIVEN, timezone="UTC"), name="acme2")
    hold(archive, GIVEN)


def test_the_order_of_renamed_fields_is_no_change(archive):
    """The same names in another order are the same."""
    names = {"referrer": "r", "ip": "i"}
    hold(archive, replace(GIVEN, fields=names), name="b")
    hold(archive, replace(GIVEN, fields=dict(reversed(names.items()))), name="b")


def test_changes_are_told_without_touching_anything(archive):
    """For `check`: the same words as `run` refuses with; an unknown account has none."""
    settings = archive.settings
    assert settings.changes("acme", GIVEN) == []
    assert settings.changes("acme", replace(GIVEN, ip="hash")) == []
    assert settings.changes("new", replace(GIVEN, timezone="UTC")) == []
    [problem] = settings.changes("acme", replace(GIVEN, timezone="UTC"))
    with pytest.raises(ConfigError) as raised:
        hold(archive, replace(GIVEN, timezone="UTC"))
    assert raised.value.problems == (problem,)


@pytest.mark.parametrize(("first", "then"), [("sqlite", "jsonl"), ("jsonl", "sqlite")])
def test_another_store_is_allowed_as_long_as_nothing_is_archived(tmp_path, first, then):
    """Whoever changes their mind before the first click isn't held to it, and may do so again."""
    for store in (first, then, first, then):
        with open_archive(tmp_path, store) as archive:
            hold(archive, GIVEN)
            assert archive.settings.store() == store
    with open_archive(tmp_path, then) as archive:
        cover(archive, NOW - HOUR, NOW)
        assert archive.ledger.coverage("acme") == [Window(NOW - HOUR, NOW)]


@pytest.mark.parametrize(("first", "then"), [("sqlite", "jsonl"), ("jsonl", "sqlite")])
def test_another_store_is_refused(tmp_path, first, then):
    """An empty store beside the full one would be a trap: the error names both ways out."""
    with open_archive(tmp_path, first) as archive:
        cover(archive, NOW - HOUR, NOW)
    with pytest.raises(ConfigError, match=rf"begun as '{first}' and is now '{then}'.*directory"):
        open_archive(tmp_path, then).__enter__()
    with open_archive(tmp_path, first) as archive:
        assert archive.ledger.coverage("acme") == [Window(NOW - HOUR, NOW)]


def test_a_changed_ip_stops_the_lookback(archive):
    """What was archived under another `ip` isn't looked back at; what comes later is. It is said
    once, with both values and the time.
    """
    cover(archive, NOW - 2 * HOUR, NOW)
    told = hold_ip(archive, "hash")
    assert told.startswith(
        "ip was 'keep' and is now 'hash': what is archived before 2026-11-19T12"
    )
    assert archive.settings.lookback_from("acme") == NOW
    cover(archive, NOW, NOW + HOUR)
    assert hold_ip(archive, "hash") is None
    assert archive.settings.lookback_from("acme") == NOW
    assert "ip was 'hash' and is now 'keep'" in hold_ip(archive, "keep")
    assert archive.settings.lookback_from("acme") == NOW + HOUR


def test_a_changed_ip_without_an_archive_stops_nothing(archive):
    """Where nothing is covered, there is nothing that isn't to be looked at, nor to be said."""
    assert hold_ip(archive, "drop") is None
    assert archive.settings.lookback_from("acme") is None


def test_what_is_stored_and_not_covered_any_more_is_not_looked_back_at(archive):
    """Coverage that was taken back, before or after the change, makes nothing comparable."""
    row = click(format_utc(NOW - timedelta(seconds=1)))
    archive.store.commit(Commit("acme", Window(NOW - HOUR, NOW), [row], ["k"], {}, NOW))
    with archive.transaction():
        archive.ledger.cut_coverage("acme", NOW - HOUR)
    assert f"before {format_utc(NOW)} stays" in hold_ip(archive, "truncate")
    assert archive.settings.lookback_from("acme") == NOW
    cover(archive, NOW, NOW + 2 * HOUR)
    hold_ip(archive, "drop")
    with archive.transaction():
        archive.ledger.cut_coverage("acme", NOW)
    hold_ip(archive, "keep")
    assert archive.settings.lookback_from("acme") == NOW + 2 * HOUR


def test_an_account_that_is_held_again_keeps_its_ip(archive):
    """Whoever only makes a link doesn't take over what a run has to say."""
    cover(archive, NOW - HOUR, NOW)
    hold(archive, replace(GIVEN, ip="drop"))
    assert archive.settings.lookback_from("acme") is None
    assert "ip was 'keep'" in hold_ip(archive, "drop")


def test_the_lookback_of_one_account_stops_alone(archive):
    """Another account's coverage and lookback are its own."""
    hold(archive, GIVEN, name="bees")
    cover(archive, NOW - HOUR, NOW)
    cover(archive, NOW, NOW + HOUR, name="bees")
    with archive.transaction():
        archive.settings.stop_lookback("acme", NOW)
    assert archive.settings.lookback_from("acme") == NOW
    assert archive.settings.lookback_from("bees") is None


def test_a_stopped_lookback_stays_stopped(archive):
    """An earlier instant later on doesn't bring back what can't be compared."""
    with archive.transaction():
        archive.settings.stop_lookback("acme", NOW)
        archive.settings.stop_lookback("acme", NOW - HOUR)
        assert archive.settings.lookback_from("acme") == NOW
        archive.settings.stop_lookback("acme", NOW + HOUR)
    assert archive.settings.lookback_from("acme") == NOW + HOUR


def test_the_lookback_is_held_at_the_end_of_coverage(archive):
    """For each account by itself; without coverage there is nothing to hold."""
    hold(archive, GIVEN, name="bees")
    with archive.transaction():
        archive.settings.hold_looked_back("acme")
    assert archive.settings.looked_back_to("acme") is None
    cover(archive, NOW - HOUR, NOW)
    cover(archive, NOW - 5 * HOUR, NOW - 4 * HOUR)
    with archive.transaction():
        archive.settings.hold_looked_back("acme")
    cover(archive, NOW, NOW + HOUR)
    assert archive.settings.looked_back_to("acme") == NOW
    assert archive.settings.looked_back_to("bees") is None


def test_the_first_run_is_kept(archive):
    """For each account by itself, as it was given, on whole seconds."""
    hold(archive, GIVEN, name="bees")
    assert archive.settings.first_run_at("acme") is None
    with archive.transaction():
        archive.settings.hold_first_run("acme", NOW)
        archive.settings.hold_first_run("bees", NOW + HOUR)
    assert archive.settings.first_run_at("acme") == NOW
    assert archive.settings.first_run_at("bees") == NOW + HOUR


def test_settings_outlive_the_process(tmp_path):
    """All of it is in the ledger."""
    with open_archive(tmp_path, "jsonl") as archive:
        hold(archive, GIVEN)
        with archive.transaction():
            archive.settings.hold_first_run("acme", NOW)
    with open_archive(tmp_path, "jsonl") as archive:
        assert archive.settings.first_run_at("acme") == NOW
        with pytest.raises(ConfigError, match="timezone"):
            hold(archive, replace(GIVEN, timezone="UTC"))


def test_nothing_is_known_of_an_unknown_account(archive):
    """No account, no instants."""
    assert archive.settings.first_run_at("none") is None
    assert archive.settings.lookback_from("none") is None
