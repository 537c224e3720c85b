"""The password stays where the configuration says, whatever the program does."""

import json
import re
from hashlib import md5
from pathlib import Path

import pytest
from e2e.processes import NOW, SECRETS, watching
from support.archive import TestArchive
from support.links import linkbee
from support.scripted import Reply, scripted
from support.service import PASSWORD

LEFT_OUT = "the service says words that are left out, for they may hold the password"


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
            assert LEFT_OUT in told.out + told.err
    assert LEFT_OUT in link_archiver("status").out
    for path in archive.directory.rglob("*"):
        _holds_no_secret(path.read_bytes())


@pytest.mark.parametrize("encoding", ["latin-1", "cp1252", "utf-8", "hex"])
@pytest.mark.parametrize("before", ["bad ", "x" * 290])
def test_a_linkbee_that_repeats_the_digest_gives_nothing_away(
    link_archiver, encoding, before
) -> None:
    """It travels as bytes, which a service may take for text of any encoding, and cut."""
    digest = md5(PASSWORD.encode(), usedforsecurity=False).digest()
    echo = digest.hex() if encoding == "hex" else digest.decode(encoding, "replace")
    answer = json.dumps({"error": 1, "msg": before + echo}).encode()
    with scripted(lambda _: Reply(answer)) as address:
        archive = linkbee(link_archiver.folder, address, ["a1B2"])
        for command in (
            ["run", "--json"],
            ["check"],
            ["make-link", "--account", "acme", "http://a.b/"],
        ):
            told = link_archiver(*command, code=3)
            said = json.loads(told.out)["accounts"][0]["error"] if "--json" in command else ""
            assert "it says words that are left out" in told.err + told.out + said
            for part in ("it says 'bad", "it says 'xx"):
                assert part not in told.err + told.out + said
    [(error,)] = archive.query("SELECT error FROM runs")
    assert error.endswith("it says words that are left out, for they may hold the password")


def test_an_unexpected_error_is_told_without_the_password(link_archiver) -> None:
    """In its account's report, with its place: exit 1, and the ledger has no secret either."""
    _surprise(link_archiver, "archiver.engine", "Archiving.archive")
    archive = TestArchive(link_archiver.folder, "http://127.0.0.1:1/")
    told = link_archiver("-v", "run", "--json", code=1)
    [account] = told.json["accounts"]
    assert account["outcome"] == "failed"
    assert account["error"].startswith("unexpected RuntimeError in sitecustomize.py:")
    assert "surprised by '[redacted]'" in account["error"]
    assert link_archiver.status()["last_run"]["error"] == account["error"]
    for path in archive.directory.rglob("*"):
        _holds_no_secret(path.read_bytes())


def test_a_traceback_is_told_without_the_password(link_archiver) -> None:
    """Even the last resort is redacted: exit 1, one account of what happened."""
    _surprise(link_archiver, "jobs.archiving", "Job.execute")
    TestArchive(link_archiver.folder, "http://127.0.0.1:1/")
    run = link_archiver.start("run", "--json")
    out, err = (stream.decode() for stream in run.communicate(timeout=60))
    assert (run.returncode, out) == (1, "")
    assert re.search(r"^link-archiver: unexpected: Traceback", err)
    assert "RuntimeError: surprised by '[redacted]'" in err
    _holds_no_secret((out + err).encode())


def _surprise(link_archiver, module: str, method: str) -> None:
    """Let a method fail in each command, with the password in its error."""
    (link_archiver.folder / "sitecustomize.py").write_text(
        f"import os\nimport {module}\n"
        "def fail(*_):\n"
        "    raise RuntimeError(f'surprised by {os.environ[\"PASSWORD\"]!r}')\n"
        f"{module}.{method} = fail\n"
    )
    link_archiver.environ["PYTHONPATH"] = str(link_archiver.folder)


def _holds_no_secret(content: bytes) -> None:
    for secret in SECRETS:
        assert secret.encode() not in content
