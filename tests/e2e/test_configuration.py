"""`init`, where the configuration is looked for, and what is said of a wrong one."""

from pathlib import Path

import pytest

from archiver.config import load_config

WRONG = """
[archive]
directry = "archive"
store = "csv"

[[accounts]]
name = "acme"
service = "linktrack"
base_url = "http://linktrack.info/api/v1_0/"
login = "acme-api"
timezone = "New York"
page_size = "many"
password = "pa&ss%word+é"
"""
PROBLEMS = (
    "archive.directry",
    "archive.store",
    "accounts[0].base_url",
    "accounts[0].timezone",
    "accounts[0].page_size",
    "accounts[0].password",
    "accounts[0].password_file",
)


@pytest.mark.parametrize("folder", [".", "new/folder"])
def test_init_writes_a_configuration_that_loads(link_archiver, folder) -> None:
    """It is commented, nobody else's to read, and the message names the next step."""
    arguments = () if folder == "." else (folder,)
    told = link_archiver("init", *arguments)
    path = link_archiver.folder / folder / "config.toml"
    assert [account.name for account in load_config(path).accounts] == ["acme"]
    assert "# Name of the environment variable" in path.read_text()
    assert path.stat().st_mode & 0o777 == 0o640
    shown = Path(folder, "config.toml")
    assert f"Wrote {shown}" in told.out
    assert f"link-archiver --config {shown} check" in told.out
    assert told.err == ""


def test_init_overwrites_nothing(link_archiver) -> None:
    """A second time it refuses, says what to do, and leaves the file as it is."""
    path = link_archiver.folder / "config.toml"
    path.write_text("# mine\n")
    told = link_archiver("init", code=2)
    assert told.out == ""
    assert told.err == (
        "link-archiver: config.toml is there already: edit it, or name another folder\n"
    )
    assert path.read_text() == "# mine\n"


def test_init_says_why_it_cannot_write(link_archiver) -> None:
    """A folder that can't be made is named, and so is the reason."""
    (link_archiver.folder / "letter").write_text("")
    told = link_archiver("init", "letter/folder", code=2)
    assert told.err == "link-archiver: can't write letter/folder/config.toml: Not a directory\n"


@pytest.mark.parametrize("command", [["run", "--json"], ["status"]])
def test_without_a_configuration_it_says_where_it_looked(link_archiver, command) -> None:
    """Exit 2, each place, how to make one, and nothing on stdout."""
    told = link_archiver(*command, code=2)
    assert told.out == ""
    assert (
        "looked for config.toml, "
        f"{link_archiver.folder}/xdg/link-archiver/config.toml, /etc/link-archiver/config.toml"
    ) in told.err
    assert "`link-archiver init`" in told.err


def test_a_named_configuration_that_is_not_there_is_an_error(link_archiver) -> None:
    """Whoever named a file means that one: no other is taken instead."""
    _minimal(link_archiver.folder / "config.toml", "here")
    told = link_archiver("--config", "absent.toml", "status", code=2)
    assert "absent.toml: there is no such file; --config names it" in told.err
    link_archiver.environ["LINK_ARCHIVER_CONFIG"] = "absent.toml"
    told = link_archiver("status", code=2)
    assert "absent.toml: there is no such file; $LINK_ARCHIVER_CONFIG names it" in told.err


def test_configurations_are_found_in_order(link_archiver) -> None:
    """--config, $LINK_ARCHIVER_CONFIG, ./config.toml, the XDG folder, ~/.config; paths are
    relative to the file that was found.
    """
    folder = link_archiver.folder
    places = {
        "option": folder / "option/its.toml",
        "variable": folder / "variable/its.toml",
        "here": folder / "config.toml",
        "xdg": folder / "xdg/link-archiver/config.toml",
        "home": folder / "home/.config/link-archiver/config.toml",
    }
    for name, path in places.items():
        _minimal(path, name)
    link_archiver.environ["LINK_ARCHIVER_CONFIG"] = "variable/its.toml"

    def found(*arguments: str) -> str:
        return link_archiver(*arguments, "status", "--json").json["archive"]["directory"]

    assert found("--config", "option/its.toml") == f"{folder}/option/archive-option"
    assert found() == f"{folder}/variable/archive-variable"
    del link_archiver.environ["LINK_ARCHIVER_CONFIG"]
    assert found() == f"{folder}/archive-here"
    places["here"].unlink()
    assert found() == f"{folder}/xdg/link-archiver/archive-xdg"
    del link_archiver.environ["XDG_CONFIG_HOME"]
    assert found() == f"{folder}/home/.config/link-archiver/archive-home"


@pytest.mark.parametrize(
    "command",
    [
        ["run", "--json"],
        ["backfill", "--from", "2026-01-01", "--to", "2026-01-02", "--json"],
        ["check"],
        ["export", "clicks"],
    ],
)
def test_a_wrong_configuration_is_refused_with_all_that_is_wrong(link_archiver, command) -> None:
    """Exit 2, one line a problem with its dotted path, nothing on stdout, no archive made; and a
    password that was put into the file isn't shown.
    """
    (link_archiver.folder / "config.toml").write_text(WRONG)
    told = link_archiver(*command, code=2)
    assert told.out == ""
    lines = told.err.splitlines()
    assert len(lines) == len(PROBLEMS)
    for problem in PROBLEMS:
        [line] = [line for line in lines if f"config.toml: {problem}: " in line]
        assert line.startswith("link-archiver: ")
    assert not (link_archiver.folder / "archive").exists()


def _minimal(path: Path, name: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(
        f'[archive]\ndirectory = "archive-{name}"\n'
        '[[accounts]]\nname = "acme"\nservice = "linktrack"\nlogin = "x"\ntimezone = "UTC"\n'
        'base_url = "https://linktrack.info/api/v1_0/"\npassword_env = "PASSWORD"\n'
    )
