"""`check`: one line for each thing that a run needs, with the remedy."""

import json

import pytest
from e2e.processes import NOW
from support.archive import TestArchive
from support.scripted import Reply, scripted

NO_HOST = "http://127.0.0.1:1/api/v1_0/"  # nobody listens there


def test_all_is_well(link_archiver, address) -> None:
    """A line each, all ok, exit 0, and nothing is archived, nor made."""
    archive = TestArchive(link_archiver.folder, address)
    told = link_archiver("check")
    assert not archive.directory.exists()
    assert told.err == ""
    lines = told.out.splitlines()
    assert [line.partition(":")[0] for line in lines] == [
        "ok    configuration", "ok    schedule", "ok    archive", *["ok    acme"] * 5,
    ]  # fmt: skip
    for words in (
        "config.toml is well formed",
        "archive isn't there yet: the first run makes it",
        "the password can be read",
        "answers and takes the credentials",
        "clock and this machine's agree",
        "it gives the clicks of the time that it is asked for",
        "its latest click that has settled is of 20",
        "the daemon, if you use it, would run next at 20",
    ):
        assert words in told.out
    archive.backfill("2024-05-01", "2024-05-02", NOW)
    assert "archive can be written to (sqlite)" in link_archiver("check").out
    assert len(link_archiver.status()["covered"]) == 1
    assert link_archiver("export", "clicks").out == ""


def test_what_a_run_would_refuse_is_wrong_here(link_archiver, address) -> None:
    """Exit 2 for a time zone that isn't as it was, in the words of `run`."""
    archive = TestArchive(link_archiver.folder, address)
    archive.backfill("2024-05-01", "2024-05-02", NOW)
    archive.write_config(address, "Asia/Kolkata")
    [line] = _failures(link_archiver("check", code=2).out)
    assert "archive: account acme: timezone was UTC" in line
    assert line.partition("archive: ")[2] in link_archiver("run", code=2).err


def test_a_wrong_password_is_wrong_there(link_archiver, address) -> None:
    """Exit 3: the service refuses it, and what to check is said."""
    TestArchive(link_archiver.folder, address)
    link_archiver.environ["PASSWORD"] = "another"
    told = link_archiver("check", code=3)
    [line] = _failures(told.out)
    assert "acme: " in line
    assert "wrong credentials" in line
    assert "Check the account's login, its password and its base_url" in line


def test_passwords_that_cannot_be_used_are_wrong_here(link_archiver, address) -> None:
    """Exit 2, each account's own reason and remedy; the other accounts are looked at as well."""
    archive = TestArchive(link_archiver.folder, address, names=("env", "file", "gone", "well"))
    password_file = link_archiver.folder / "its.pass"
    password_file.write_text("its-password\n")
    password_file.chmod(0o640)
    well, env, file, gone = 'password_env = "PASSWORD"', "password_env", "password_file", "gone"
    replaced = iter([f'{env} = "UNSET"', f'{file} = "its.pass"', f'{file} = "{gone}.pass"', well])
    parts = archive.path.read_text().split(well)
    archive.path.write_text("".join(part + next(replaced, "") for part in parts))
    told = link_archiver("check", code=2)
    unset, others, absent = _failures(told.out)
    assert "env: password_env: the environment variable UNSET isn't set; set it" in unset
    assert "file: password_file: group or others can read" in others
    assert f"do `chmod 600 {password_file}`" in others
    assert "gone: password_file: can't read" in absent
    assert "gone.pass: No such file" in absent
    assert "ok    well: it gives the clicks of the time that it is asked for" in told.out
    assert "its-password" not in told.out + told.err


def test_an_unreachable_service_is_wrong_there(link_archiver) -> None:
    """Exit 3, and what to check."""
    TestArchive(link_archiver.folder, NO_HOST)
    told = link_archiver("check", code=3)
    [line] = _failures(told.out)
    assert "acme: http://127.0.0.1:1: no connection to the host" in line
    assert "Check the network and the account's base_url" in line


@pytest.mark.parametrize("form", ["json", "xml"])
def test_a_service_that_ignores_the_window_is_wrong_there(link_archiver, form) -> None:
    """Exit 3: clicks of another time than asked for mean that a run would miss some."""
    with scripted(lambda _: _one_old_click(form)) as address:
        TestArchive(link_archiver.folder, address, format=form)
        told = link_archiver("check", code=3)
    [line] = _failures(told.out)
    assert "gave 1 clicks of another time" in line
    assert "Check the account's timezone, and the service's names of start and end" in line


def test_an_archive_that_cannot_be_made_is_wrong_there(link_archiver, address) -> None:
    """Exit 3 for the disk, with the path and what to look at; the account is looked at as well."""
    TestArchive(link_archiver.folder, address)
    (link_archiver.folder / "archive").write_text("a file where the folder should be")
    told = link_archiver("check", code=3)
    [line] = _failures(told.out)
    assert (
        f"archive: can't make {link_archiver.folder}/archive: there is a file in its place" in line
    )
    assert "Name another folder as archive.directory" in line
    assert "ok    acme: it gives the clicks of the time that it is asked for" in told.out


def _failures(out: str) -> list[str]:
    return [line for line in out.splitlines() if not line.startswith("ok    ")]


def _one_old_click(form: str) -> Reply:
    clicked_at = f"{NOW.year - 2}-05-05 05:05:05"
    if form == "json":
        record = {"id": "1", "link_id": "7", "clicked_at": clicked_at}
        page = {"error": 0, "msg": "", "total": 1, "limit": 1000, "offset": 0, "history": [record]}
        return Reply(json.dumps(page).encode())
    record_text = f"<record><id>1</id><clicked_at>{clicked_at}</clicked_at></record>"
    return Reply(
        "<response><error>0</error><total>1</total><limit>1000</limit><offset>0</offset>"
        f"<history>{record_text}</history></response>".encode()
    )
