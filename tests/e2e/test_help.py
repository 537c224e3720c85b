"""What each command says of itself, and what is said of a command that there isn't."""

import subprocess

import pytest
from e2e.processes import CONSOLE_SCRIPT

from archiver import __version__
from jobs.cli import COMMANDS


def test_every_command_explains_itself(link_archiver) -> None:
    """--help exits 0, and shows an example of the command, on lines of its own; the list of
    commands is complete.
    """
    started = {name: link_archiver.start(name, "--help") for name in COMMANDS}
    for name, process in started.items():
        told = link_archiver.end(process)
        assert (told.code, told.err) == (0, "")
        assert told.out.startswith(f"Usage: link-archiver {name} ")
        lines = told.out.splitlines()
        assert lines[lines.index("  Example:") + 1].startswith(f"    link-archiver {name}")
        assert "\\" not in told.out
    told = link_archiver("--help")
    assert "\n  Example:\n    link-archiver init\n" in told.out
    for name, line in COMMANDS.items():
        assert f"  {name} " in told.out
        assert line.split()[0] in told.out
    assert {"init", "check", "run", "backfill", "status", "export", "demo"} <= COMMANDS.keys()


@pytest.mark.parametrize("arguments", [["-h"], ["--version"], ["run", "-h"], []])
def test_the_console_script_is_the_module(link_archiver, arguments) -> None:
    """`link-archiver` says letter by letter what `python -m jobs` says."""
    module = link_archiver.end(link_archiver.start(*arguments))
    script = subprocess.run(
        [CONSOLE_SCRIPT, *arguments],
        cwd=link_archiver.folder,
        env=link_archiver.environ,
        capture_output=True,
        encoding="utf-8",
        timeout=60,
        check=False,
    )
    assert (script.returncode, script.stdout, script.stderr) == (
        module.code, module.out, module.err,
    )  # fmt: skip
    if arguments:
        assert (module.code, module.err) == (0, "")
    else:
        assert (module.code, module.out) == (2, "")
        assert module.err.startswith("Usage: link-archiver")


def test_the_options_of_make_link_come_in_order(link_archiver) -> None:
    """What links have at Linktrack, then Linkbee's; each says what it takes."""
    told = link_archiver("make-link", "--help").out
    names = [
        "--account A ",
        "--title TEXT ",
        "--alert-at NUMBER ",
        "--is-active ",
        "--ad ",
        "--cat ",
    ]
    places = [told.index(name) for name in (f"  {name}" for name in names)]
    assert places == sorted(places)


def test_the_version(link_archiver) -> None:
    """It is the package's."""
    assert link_archiver("--version").out == f"link-archiver, version {__version__}\n"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["archive"], "No such command 'archive'"),
        (["--verbos", "run"], "No such option"),
        (["run", "--jason"], "No such option"),
        (["run", "now"], "unexpected extra argument (now)"),
    ],
)
def test_a_call_that_means_nothing(link_archiver, arguments, said) -> None:
    """Exit 2, stdout empty, and where to read more."""
    told = link_archiver(*arguments, code=2)
    assert told.out == ""
    assert said in told.err
    assert "--help" in told.err


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_shell_can_be_told_how_to_complete(link_archiver, shell) -> None:
    """As docs/commands.md says; and commands and options are completed then."""
    environ = {**link_archiver.environ, "_LINK_ARCHIVER_COMPLETE": f"{shell}_source"}
    told = subprocess.run(
        [CONSOLE_SCRIPT], env=environ, capture_output=True, text=True, check=True, timeout=60
    )
    assert "_LINK_ARCHIVER_COMPLETE" in told.stdout
    environ |= {
        "_LINK_ARCHIVER_COMPLETE": f"{shell}_complete",
        "COMP_WORDS": "link-archiver ba",
        "COMP_CWORD": "ba" if shell == "fish" else "1",
    }
    told = subprocess.run(
        [CONSOLE_SCRIPT], env=environ, capture_output=True, text=True, check=True, timeout=60
    )
    assert "backfill" in told.stdout
    assert "status" not in told.stdout
