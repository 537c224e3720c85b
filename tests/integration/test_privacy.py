"""What `ip` says: exact archives without addresses, and no address in any file of theirs."""

import json
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address, ip_network
from pathlib import Path

import pytest
from support.archive import TestArchive
from support.garbled import GarbledHistory
from support.history import History
from support.scripted import Reply, scripted
from support.service import COMPARED, Service

from archiver.config import load_config
from archiver.model import AccountReport
from archiver.privacy import hashed
from jobs.rejected import rejected_records
from jobs.settings import identity_settings
from refserver.database import NewClick
from storage.opening import open_archive

NOON = datetime(2025, 9, 5, 12, tzinfo=UTC)
DAY, HOUR = timedelta(days=1), timedelta(hours=1)
SETTLE = timedelta(minutes=10)
IP = COMPARED.index("ip")
#: Addresses that are not their network's first ones: found in a file, they were kept.
IPV4, IPV6 = "198.51.100.77", "2001:db8:7:8::99"

ways = pytest.mark.parametrize("ip", ["truncate", "hash", "drop"])
stores = pytest.mark.parametrize("store", ["sqlite", "jsonl"])


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """Three days of clicks; in one second many visitors of few networks, alike but for that."""
    made = Service(tmp_path_factory.mktemp("service") / "service.db")
    made.populate(1200, NOON - 3 * DAY, NOON + DAY)
    crowd = [NewClick(1, NOON - HOUR, f"198.51.{n % 3}.{n}") for n in range(1, 120)]
    crowd += [NewClick(1, NOON - HOUR, f"2001:db8:{n % 3}::{n:x}") for n in range(1, 120)]
    made.record(crowd)
    yield made
    made.close()


def expected_address(archive: TestArchive, ip: str, address: str | None) -> str | None:
    """What is to be kept of an address, in the simplest words."""
    if address is None or ip == "drop":
        return None
    if ip == "hash":
        return hashed((archive.directory / "ip.key").read_bytes(), address)
    bits = 24 if ip_address(address).version == 4 else 48
    return str(ip_network(f"{address}/{bits}", strict=False).network_address)


def expected(archive: TestArchive, ip: str, truth: "Counter[tuple]") -> "Counter[tuple]":
    kept: Counter[tuple] = Counter()
    for click, count in truth.items():
        address = expected_address(archive, ip, click[IP])
        kept[(*click[:IP], address, *click[IP + 1 :])] += count
    return kept


def files_with(directory: Path, *texts: str) -> list[tuple[str, str]]:
    """The files of an archive that hold one of these texts in any plain form."""
    return [
        (path.name, text)
        for path in directory.rglob("*")
        if path.is_file()
        for text in texts
        if text.encode() in path.read_bytes()
    ]


@ways
@stores
@pytest.mark.parametrize("dialects", [(), ("no-id", "no-total")], ids=["ids", "no-id"])
@pytest.mark.parametrize("form", ["json", "xml"])
def test_the_archive_is_exact_but_for_the_addresses(
    service, tmp_path, ip, store, dialects, form
) -> None:
    """Each click once, also those that only their addresses told apart; and none comes again."""
    with service.serving(dialects) as url:
        archive = TestArchive(tmp_path, url, store=store, ip=ip, format=form, totals=True)
        assert archive.run(NOON).outcome == "complete"
        assert archive.backfill("2025-09-02T12:00", "2025-09-05", NOON).outcome == "complete"
        truth = service.clicks_between(NOON - 3 * DAY, NOON - SETTLE)
        assert archive.clicks() == expected(archive, ip, truth)
        for report in (archive.run(NOON), archive.backfill("2025-09-02", "2025-09-05", NOON,
                                                           again=True)):  # fmt: skip
            assert (report.outcome, report.accounts[0].new) == ("complete", 0)
    assert archive.query("SELECT count(*) FROM click_revisions") == [(0,)]
    addresses = {click[IP] for click in truth if click[IP]}
    telling = [a for a in addresses if expected_address(archive, "truncate", a) != a]
    assert len(telling) > 200
    # With something about it, for a short address may be a part of something else.
    found = files_with(archive.directory, *(f'"{address}"' for address in telling))
    found += files_with(archive.directory, *(a for a in telling if len(a) > 11))
    assert found == []


@stores
def test_what_is_kept_is_kept(service, tmp_path, store) -> None:
    """Without a word on addresses they are archived as they are, and no key is made."""
    with service.serving() as url:
        archive = TestArchive(tmp_path, url, store=store)
        archive.run(NOON)
    assert archive.clicks() == service.clicks_between(NOON - DAY, NOON - SETTLE)
    assert not (archive.directory / "ip.key").exists()
    assert files_with(archive.directory, "198.51.1.")


@ways
@stores
@pytest.mark.parametrize("form", ["json", "xml"])
def test_no_file_holds_an_address(tmp_path, ip, store, form, capfd) -> None:
    """Neither clicks nor unknown fields, records that can't be understood, revisions, errors,
    reports nor anything on the screen: while it is open, and afterwards.
    """
    history = GarbledHistory()
    for number, address in enumerate((IPV4, f"{IPV4}:8080", f"::ffff:{IPV4}", IPV6,
                                      IPV6.upper(), f"[{IPV6}]:443", f"{IPV4}, 10.1.2.3",
                                      f"{IPV4} (proxy)", f"not {IPV6}")):  # fmt: skip
        peer = address if " " not in address.replace(", ", "") else ""
        history.record(f"2025-09-05 09:00:{number:02}", id=str(number), ip=address, peer=peer,
                       conversion="1" * (number % 2))  # fmt: skip
        history.garble(f"2025-09-05 09:01:{number:02}", id=f"g{number}", ip=address, peer=peer)
    history.record("2025-09-05 09:02:00", id="20", ip=[IPV4, IPV6], peer={"v4": IPV4})
    history.record("2025-09-05 09:02:01", id="21", device={"peers": [IPV4, {"v6": IPV6}]})
    history.records.append(("2025-09-05 09:02:02", {"clicked_at": IPV4, "id": IPV6}))
    with history.serving() as url:
        archive = TestArchive(tmp_path, url, store=store, ip=ip, format=form)
        reports = [archive.run(NOON)]
        for at, record in history.records:
            if record.get("conversion") == "1":
                history.records[history.records.index((at, record))] = (
                    at, {**record, "conversion": "2"}
                )  # fmt: skip
        with open_archive(archive.directory, store) as opened:
            reports.append(archive_again(archive))
            assert files_with(archive.directory, IPV4, IPV6, IPV6.upper()) == []
            assert opened.connection.execute("SELECT count(*) FROM rejected").fetchone() == (11,)
    assert [report.outcome for report in reports] == ["partial", "complete"]
    assert archive.query("SELECT count(*) FROM click_revisions") == [(4,)]
    assert files_with(archive.directory, IPV4, IPV6, IPV6.upper()) == []
    exported = archive.export().decode()
    listed = repr(list(rejected_records(archive.directory, [], [])))
    told = json.dumps([report.as_json() for report in reports]) + repr(reports)
    for text in (exported, listed, told, *capfd.readouterr()):
        assert IPV4 not in text
        assert IPV6 not in text.lower()


def archive_again(archive: TestArchive):
    """Run beside a connection that is open, so that the log of writes stays."""
    return archive.run(NOON + HOUR)


@ways
@pytest.mark.parametrize("form", ["json", "xml"])
def test_an_address_in_an_odd_spelling_is_one(tmp_path, ip, form) -> None:
    """Wherever the service puts it: in an address's field, an unknown one, or a record that can't
    be understood.
    """
    padded, network = "198.051.100.077", IPV4.removesuffix("77")
    spelled = [padded, f"{padded}:80", f"{IPV4}/32", f"{IPV4}.", f"[{IPV4}]", f" {IPV4} ",
               f"::ffff:{padded}", f"{IPV6}%eth0", f"[{IPV6}]/128", f"{IPV4};{IPV6}"]  # fmt: skip
    if form == "json":
        spelled += [f"{IPV4}\0", f"\ufeff{IPV4}\r\n"]  # XML has no NUL
    history = GarbledHistory()
    for number, address in enumerate(spelled):
        history.record(f"2025-09-05 09:00:{number:02}", id=str(number), ip=address, peer=address)
        history.garble(f"2025-09-05 09:01:{number:02}", id=f"g{number}", ip=address, peer=address)
    with history.serving() as url:
        archive = TestArchive(tmp_path, url, store="jsonl", ip=ip, format=form)
        archive.run(NOON)
    assert len(archive.stored()) == len(spelled)
    assert archive.query("SELECT count(*) FROM rejected") == [(len(spelled),)]
    assert files_with(archive.directory, IPV4, padded, IPV6) == []
    kept = {click["ip"] for click in archive.stored()}
    known = {expected_address(archive, ip, address) for address in (IPV4, IPV6)}
    assert kept == known == {click["extra"]["peer"] for click in archive.stored()}
    assert (f"{network}0" in kept) == (ip == "truncate")


@ways
def test_no_address_is_told_in_an_error(tmp_path, ip) -> None:
    """Half an answer that is quoted may hold clicks."""
    body = f'{{"history": [{{"ip": "{IPV4}", "peer": "{IPV6}"}}, '.encode()
    with scripted(lambda _: Reply(body)) as url:
        report = TestArchive(tmp_path, url, ip=ip, format="json").run(NOON)
        assert "[address]" in report.accounts[0].error
        assert IPV4 not in report.accounts[0].error
        assert IPV6 not in report.accounts[0].error
        kept = TestArchive(tmp_path / "kept", url, format="json").run(NOON)
        assert IPV4 in kept.accounts[0].error
    assert files_with(tmp_path / "archive", IPV4, IPV6) == []


@ways
def test_no_address_is_kept_of_a_link(tmp_path, ip) -> None:
    """Not in what a service says beyond what we know of it."""
    link = {"id": "1", "link": "http://l/.1", "clicks": "3", "last_visitor": IPV4}

    def script(asked):
        history = {"history": []} if "start" in asked else {"links": [link], "total": 1}
        return Reply(json.dumps({"error": 0, **history}).encode())

    with scripted(script) as url:
        archive = TestArchive(tmp_path, url, ip=ip, format="json", totals=True)
        assert archive.run(NOON).outcome == "complete"
    assert "last_visitor" in archive.export("links").decode()
    assert files_with(archive.directory, IPV4) == []


# A changed `ip`


@pytest.fixture
def history() -> History:
    return History("2025-09-04 16:00:00", "2025-09-05 10:00:00", "2025-09-05 11:00:00")


@pytest.fixture
def new_archive(tmp_path, history) -> Iterator[Callable[..., TestArchive]]:
    with history.serving() as address:

        def make(**settings) -> TestArchive:
            return TestArchive(tmp_path, address, format="json", **settings)

        yield make


def run(archive: TestArchive, now: datetime) -> AccountReport:
    [report] = archive.run(now).accounts
    return report


def told_of_change(report: AccountReport) -> list[str]:
    return [warning for warning in report.warnings if warning.startswith("ip was ")]


@stores
@pytest.mark.parametrize("ids", [True, False], ids=["ids", "no-id"])
@pytest.mark.parametrize(
    ("before", "after"),
    [("keep", "truncate"), ("keep", "hash"), ("truncate", "drop"), ("drop", "keep"),
     ("hash", "keep")],
)  # fmt: skip
def test_a_change_doubles_nothing_and_is_said_once(
    new_archive, history, store, ids, before, after
) -> None:
    """What was archived before stays as it is and isn't looked back at; what comes after is
    archived in the new way, and looked back at.
    """
    if not ids:
        history.cease_to_give_ids()
    first = new_archive(store=store, ip=before)
    assert run(first, NOON).new == 3
    stored = first.stored()
    history.starts.clear()

    archive = new_archive(store=store, ip=after)
    history.records.append({"clicked_at": "2025-09-05 12:30:00", "ip": IPV4,
                            **({"id": "90"} if ids else {})})  # fmt: skip
    report = run(archive, NOON + HOUR)
    assert (report.outcome, report.new, report.duplicates) == ("complete", 1, 0)
    [told] = told_of_change(report)
    assert told.startswith(f"ip was '{before}' and is now '{after}': what is archived before ")
    assert "2025-09-05T11:50:00Z stays as it is and isn't looked back at" in told
    assert min(history.starts) == "2025-09-05 11:50:00"
    assert [click for click in archive.stored() if click in stored] == stored

    history.records.append({"clicked_at": "2025-09-05 12:40:00", "ip": IPV4,
                            **({"id": "91"} if ids else {})})  # fmt: skip
    for now, new in ((NOON + 2 * HOUR, 1), (NOON + 3 * HOUR, 0), (NOON + DAY, 0)):
        report = run(archive, now)
        assert (report.outcome, report.new, told_of_change(report)) == ("complete", new, [])
    assert len(archive.stored()) == 5
    assert archive.query("SELECT count(*) FROM click_revisions") == [(0,)]
    kept = {click["ip"] for click in archive.stored() if click not in stored}
    assert kept == {expected_address(archive, after, IPV4) if after != "keep" else IPV4}


@stores
def test_a_backfill_again_stops_at_the_change(new_archive, history, store) -> None:
    """What can't be compared isn't fetched, and that is said; a gap before it is filled."""
    history.cease_to_give_ids()
    run(new_archive(store=store), NOON)
    archive = new_archive(store=store, ip="truncate")
    history.records.append({"clicked_at": "2025-09-03 10:00:00", "ip": IPV4})
    [report] = archive.backfill("2025-09-03", "2025-09-05T12:00", NOON + HOUR,
                                again=True).accounts  # fmt: skip
    assert (report.outcome, report.new, report.duplicates) == ("complete", 1, 0)
    assert any("isn't fetched again" in warning for warning in report.warnings)
    assert len(archive.stored()) == 4


@stores
@pytest.mark.parametrize("ids", [True, False], ids=["ids", "no-id"])
def test_a_change_while_coverage_is_taken_back_doubles_nothing(
    new_archive, history, store, ids
) -> None:
    """A clock that was wrong, or a longer settle, leaves clicks that are stored and not covered:
    without ids they can't be compared, and their window is named as long as it isn't covered.
    """
    if not ids:
        history.cease_to_give_ids()
    assert run(new_archive(store=store), NOON).new == 3
    archive = new_archive(store=store, ip="truncate")
    with open_archive(archive.directory, store) as opened, opened.transaction():
        opened.ledger.cut_coverage("acme", NOON - 90 * timedelta(minutes=1))
    for _ in range(2):
        report = run(archive, NOON + 3 * HOUR)
        assert len(archive.stored()) == 3
        if ids:
            assert report.outcome == "complete"
        else:
            assert "isn't archived whole: its clicks can't be compared" in report.error
            assert any("ids or ip changed since" in warning for warning in report.warnings)


def test_a_link_that_is_made_meanwhile_keeps_the_change_to_be_said(new_archive, history) -> None:
    """The run says it, whoever has opened the archive before."""
    run(new_archive(), NOON)
    archive = new_archive(ip="drop")
    with open_archive(archive.directory, "sqlite") as opened, opened.transaction():
        [account] = load_config(archive.path).accounts
        opened.settings.hold_account("acme", identity_settings(account))
    assert told_of_change(run(archive, NOON + HOUR))


# The key


@stores
def test_a_key_that_is_lost_stops_its_accounts_alone(new_archive, history, store) -> None:
    """Nothing is fetched for them and nothing doubled; put back, all goes on."""
    archive = new_archive(store=store, ip="hash")
    run(archive, NOON)
    stored, key = archive.stored(), archive.directory / "ip.key"
    kept = key.read_bytes()
    key.unlink()
    history.starts.clear()
    for _ in range(2):
        report = run(archive, NOON + HOUR)
        assert report.outcome == "failed"
        assert f"{key} is missing, the key that this archive's addresses were" in report.error
        assert "Put it back from a copy of the archive" in report.error
    assert (history.starts, archive.stored()) == ([], stored)

    other = new_archive(store=store, names=("acme", "bees"))
    text = other.path.read_text().replace('name = "acme"\n', 'name = "acme"\nip = "hash"\n')
    other.path.write_text(text)
    acme, bees = other.run(NOON + HOUR).accounts
    assert (acme.outcome, bees.outcome, bees.new) == ("failed", "complete", 3)

    key.write_bytes(kept)
    key.chmod(0o600)
    acme, bees = other.run(NOON + 2 * HOUR).accounts
    assert (acme.outcome, acme.new, bees.outcome) == ("complete", 0, "complete")


def test_one_key_hashes_alike_for_all_accounts_and_runs(new_archive, history) -> None:
    """A visitor is the same one in each of them."""
    archive = new_archive(ip="hash", names=("acme", "bees"))
    archive.run(NOON)
    history.records.append({"clicked_at": "2025-09-05 12:30:00", "id": "9", "ip": "192.0.2.1"})
    archive.run(NOON + HOUR)
    hashes = [click["ip"] for click in archive.stored() if click["id"] in {"1", "9"}]
    assert (len(hashes), len(set(hashes))) == (4, 1)
    assert (archive.directory / "ip.key").stat().st_mode & 0o777 == 0o600
