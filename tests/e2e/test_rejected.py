"""`rejected`: what can't be understood, and the exit code of the run that found it."""

import json
import re
import stat
from datetime import timedelta

import pytest
from e2e.processes import NOW
from support.archive import TestArchive
from support.garbled import GarbledHistory
from support.service import PASSWORD

AT = NOW - timedelta(hours=3)
ADDRESS = "198.51.100.77"


def text_of(hours: int) -> str:
    return f"{AT - timedelta(hours=hours):%Y-%m-%d %H:%M:%S}"


@pytest.fixture
def history():
    history = GarbledHistory()
    history.record(text_of(0), id="1", ip=ADDRESS)
    history.garble(text_of(0), id="2", ip=ADDRESS, referrer="http://r.example/\x9b31m\u202eü")
    history.record(text_of(0), id="3", title=["a"])
    return history


@pytest.fixture
def address(history):
    with history.serving() as served:
        yield served


@pytest.mark.parametrize("store", ["sqlite", "jsonl"])
def test_a_new_one_is_exit_code_3_once(link_archiver, address, history, store) -> None:
    """It is said how many, why and where to look; the report is partial, the clicks are there,
    and the next run is silent.
    """
    TestArchive(link_archiver.folder, address, store=store, format="json")
    told = link_archiver("run", "--json", code=3)
    [account] = told.json["accounts"]
    assert (told.json["outcome"], account["outcome"]) == ("partial", "partial")
    assert (account["new"], account["fetched"], account["duplicates"]) == (1, 1, 0)
    assert told.err.startswith(f"link-archiver: acme: {account['error']} [run ")
    assert told.err.count("\n") == 1
    assert account["error"] == (
        "2 new records can't be understood: clicked_at: it has no time (1); title: a list, not a "
        "text (1). Kept beside the clicks: see `link-archiver rejected`"
    )
    assert [click["id"] for click in link_archiver("export", "clicks").lines] == ["1"]
    status = link_archiver.status()
    assert (status["gaps"], status["last_run"]["outcome"]) == ([], "partial")
    told = link_archiver("run")
    assert (told.out, told.err) == ("", "")
    history.garble(text_of(1), id="4")
    told = link_archiver("-q", "run", code=3)
    assert "1 new record can't be understood" in told.err
    assert link_archiver("run").err == ""
    since = f"{AT - timedelta(hours=9):%Y-%m-%dT%H:%M:%SZ}"
    assert link_archiver("backfill", "--from", since, "--again").err == ""


def test_they_are_listed(link_archiver, address) -> None:
    """When first seen, whose, in which slice, why, and the text, which moves no cursor; exit 0."""
    archive = TestArchive(link_archiver.folder, address, format="json")
    link_archiver("run", code=3)
    told = link_archiver("rejected")
    assert told.err == ""
    instant = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ"
    reasons = {"clicked_at: it has no time", "title: a list, not a text"}
    heads = told.out.splitlines()[::2]
    found = [re.fullmatch(rf"{instant}  acme  {instant} to {instant}  (.*)", line)[1]
             for line in heads]  # fmt: skip
    assert sorted(found) == sorted(reasons)
    assert all(line.startswith('    {"') for line in told.out.splitlines()[1::2])
    assert "ü" in told.out
    assert not set(told.out) & set("\x9b\u202e\x1b")
    assert "\\u009b31m\\u202e" in told.out
    before = {path: path.read_bytes() for path in archive.directory.iterdir()}
    document = link_archiver("rejected", "--json").json
    assert {path: path.read_bytes() for path in archive.directory.iterdir()} == before
    one, other = document["rejected"]
    assert list(one) == ["first_seen_at", "account", "start", "end", "reason", "text"]
    assert {each["reason"] for each in (one, other)} == reasons
    assert {json.loads(each["text"])["id"] for each in (one, other)} == {"2", "3"}
    assert one["start"] <= f"{AT:%Y-%m-%dT%H:%M:%SZ}" < one["end"]


def test_accounts_can_be_chosen(link_archiver, address) -> None:
    """Those that are archived, and those that will be; another one is exit code 2."""
    TestArchive(link_archiver.folder, address, format="json", names=("acme", "bees"))
    link_archiver("run", "--account", "bees", code=3)
    listed = link_archiver("rejected", "--account", "bees", "--json").json["rejected"]
    assert [each["account"] for each in listed] == ["bees", "bees"]
    assert link_archiver("rejected", "--account", "acme").out == ""
    told = link_archiver("rejected", "--account", "wasps", "--json", code=2)
    assert "--account wasps: there is no such account; there are: acme, bees" in told.err


def test_where_there_is_none_there_is_nothing_to_list(link_archiver) -> None:
    """No archive yet: nothing on stdout, or an empty list; and none is made."""
    archive = TestArchive(link_archiver.folder, "http://127.0.0.1:1/")
    told = link_archiver("rejected")
    assert (told.out, told.err) == ("", "")
    assert link_archiver("rejected", "--json").json == {"rejected": []}
    assert not archive.directory.exists()


def test_wrong_names_of_fields_are_no_rejected_records(link_archiver, address, history) -> None:
    """`run` and `check` name the setting; nothing is covered."""
    history.records = [(at, {"created_at": at}) for at, _ in history.records]
    TestArchive(link_archiver.folder, address, format="json", settle="150m")
    for told in (link_archiver("run", code=3).err, link_archiver("check", code=3).out):
        assert "no record has the field clicked_at" in told
        assert "set [accounts.fields]" in told
    assert link_archiver("rejected").out == ""
    assert link_archiver.status()["clicks"] == 0


def test_check_tells_of_them_before(link_archiver, history, address) -> None:
    """With the reason and what becomes of them; where all are such, it is exit code 3."""
    TestArchive(link_archiver.folder, address, format="json", settle="150m")
    told = link_archiver("check")
    assert "2 of its 3 records can't be understood (clicked_at: it has no time)" in told.out
    assert "[accounts.fields]" in told.out
    history.records = [(at, {"clicked_at": "yesterday"}) for at, _ in history.records]
    told = link_archiver("check", code=3)
    assert "FAIL  acme: 3 of its 3 records can't be understood" in told.out


@pytest.mark.parametrize("ip", ["truncate", "hash", "drop"])
@pytest.mark.parametrize("store", ["sqlite", "jsonl"])
def test_no_address_leaves_or_stays(link_archiver, address, ip, store) -> None:
    """Not on stdout, not on stderr, in no file of the archive; the key is its owner's alone."""
    archive = TestArchive(
        link_archiver.folder, address, format="json", ip=ip, store=store, totals=True
    )
    told = [
        link_archiver("-v", "run", "--json", code=3),
        link_archiver("rejected"),
        link_archiver("rejected", "--json"),
        link_archiver("export", "clicks"),
        link_archiver("export", "clicks", "--format", "csv"),
        link_archiver("status", "--json"),
        link_archiver("check"),
    ]
    for each in told:
        assert ADDRESS not in each.out + each.err
    files = [path for path in archive.directory.rglob("*") if path.is_file()]
    assert [path.name for path in files if ADDRESS.encode() in path.read_bytes()] == []
    key = archive.directory / "ip.key"
    assert key.exists() == (ip == "hash")
    if key.exists():
        assert stat.S_IMODE(key.stat().st_mode) == 0o600
        assert all(key.read_bytes().hex() not in each.out + each.err for each in told)


def test_a_lost_key_is_exit_code_3(link_archiver, address) -> None:
    """`run` and `check` name the file and the way out, and nothing is made in its place."""
    archive = TestArchive(link_archiver.folder, address, format="json", ip="hash")
    link_archiver("run", code=3)
    key = archive.directory / "ip.key"
    kept = key.read_bytes()
    key.unlink()
    for told in (link_archiver("run", code=3).err, link_archiver("check", code=3).out):
        assert f"{key} is missing" in told
        assert "Put it back from a copy" in told
    assert not key.exists()
    with key.open("xb") as file:
        file.write(kept)
    key.chmod(0o600)
    assert link_archiver("run").err == ""


def test_a_changed_ip_is_said(link_archiver, address) -> None:
    """On stderr, once; with -q not even that: the run is complete."""
    TestArchive(link_archiver.folder, address, format="json")
    link_archiver("run", code=3)
    TestArchive(link_archiver.folder, address, format="json", ip="drop")
    told = link_archiver("run")
    assert "acme: warning: ip was 'keep' and is now 'drop': what is archived before 20" in told.err
    assert link_archiver("run").err == ""
    assert PASSWORD not in told.err
