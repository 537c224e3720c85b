"""The password stays where the configuration says, whatever the program does."""

import re
from pathlib import Path

import pytest
from e2e.processes import NOW, SECRETS, watching
from support.archive import TestArchive
from support.scripted import Reply, scripted
from support.service import PASSWORD


@pytest.mark.parametrize("method", ["post", "get"])
def test_no_process_list_and_no_file_holds_the_password(
    link_archiver, busy_service, method
) -> None:
    """While a run is at work its command line doesn't have it; nor, with a password file, its
    environment; nor does any file that the run leaves behind.
    """
    del link_archiver.environ["PASSWORD"]
    password_file = link_archiver.folder / "its.pass"
    password_file.touch(mode=0o600)
    password_file.write_text(f"{PASSWORD}\n")
    with watching(busy_service) as (watched, address):
        archive = TestArchive(link_archiver.folder, address, method=method)
        text = archive.path.read_text()
        archive.path.write_text(
            text.replace('password_env = "PASSWORD"', 'password_file = "its.pass"')
        )
        watched.holds_up = lambda number: number == 1
        run = link_archiver.start("-v", "run")
        watched.wait_for(run)
        process = Path(f"/proc/{run.pid}")
        if process.exists():
            assert b"jobs\0-v\0run" in (process / "cmdline").read_bytes()
            for name in ("cmdline", "environ"):
                _holds_no_secret((process / name).read_bytes())
        watched.gate.set()
        assert link_archiver.end(run).code == 0
    assert archive.clicks() == busy_service.clicks_between(NOW.replace(year=2020), NOW)
    for path in archive.directory.rglob("*"):
        _holds_no_secret(path.read_bytes() if path.is_file() else b"")


@pytest.mark.parametrize("method", ["post", "get"])
def test_a_service_that_repeats_the_password_gives_nothing_away(link_archiver, method) -> None:
    """Neither on a screen, nor in the report, nor in the ledger or what is read from it."""

    def script(asked: dict[str, str]) -> Reply:
        return Reply("; ".join([asked["pass"], *SECRETS]).join(["Error: ", ""]).encode())

    with scripted(script) as address:
        archive = TestArchive(link_archiver.folder, address, method=method)
        for command in (["-v", "run", "--json"], ["check"]):
            told = link_archiver(*command, code=3)
            assert "[redacted]; [redacted]" in told.out + told.err
    assert "[redacted]; [redacted]" in link_archiver("status").out
    for path in archive.directory.rglob("*"):
        _holds_no_secret(path.read_bytes())


def test_an_unexpected_error_is_told_without_the_password(link_archiver) -> None:
    """Even a traceback, the last resort, is redacted: exit 1, one account of what happened."""
    (link_archiver.folder / "sitecustomize.py").write_text(
        "import jobs.archiving as a\n"
        "def fail(account, password):\n"
        "    raise RuntimeError(f'surprised by {password!r}')\n"
        "a.open_source = fail\n"
    )
    link_archiver.environ["PYTHONPATH"] = str(link_archiver.folder)
    TestArchive(link_archiver.folder, "http://127.0.0.1:1/")
    run = link_archiver.start("run", "--json")
    out, err = (stream.decode() for stream in run.communicate(timeout=60))
    assert (run.returncode, out) == (1, "")
    assert re.search(r"^link-archiver: unexpected: Traceback", err)
    assert "RuntimeError: surprised by '[redacted]'" in err
    _holds_no_secret((out + err).encode())


def _holds_no_secret(content: bytes) -> None:
    for secret in SECRETS:
        assert secret.encode() not in content
