"""The scripts in docs/samples do what they say, against the reference server."""

import json
import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from hashlib import md5
from pathlib import Path
from urllib.parse import quote

import pytest
from support.scripted import Reply, scripted
from support.service import LOGIN, PASSWORD, Service

from refserver.app import create_app
from refserver.proxy import proxying
from refserver.serving import running
from refserver.shortlinks import add_short_link

SAMPLES = Path(__file__).parents[2] / "docs" / "samples"


LINKTRACK = ["linktrack.sh", "linktrack.py"]
LINKBEE = ["linkbee.sh", "linkbee.py"]
DIGEST = md5(PASSWORD.encode(), usedforsecurity=False).digest()


def start_sample(name: str, folder: Path, address: str, login: str = LOGIN, password=PASSWORD):
    """Run a script as a user would, in an empty folder with its settings in the environment."""
    password_file = folder / "password"
    password_file.write_text(password, encoding="utf-8")
    environ = {
        "PATH": os.environ["PATH"],
        "LINKTRACK_API": f"{address}/api/v1_0",
        "LINKTRACK_LOGIN": login,
        "LINKTRACK_PASS_FILE": str(password_file),
        "LINKBEE_API": f"{address}/api.php",
        "LINKBEE_USER": login,
        "LINKBEE_PASS_FILE": str(password_file),
    }
    program = [sys.executable] if name.endswith(".py") else ["sh"]
    command = [*program, str(SAMPLES / name)]
    return subprocess.run(
        command, cwd=folder, env=environ, timeout=60, capture_output=True, check=False
    )


def run_sample(name: str, folder: Path, address: str, login: str = LOGIN) -> None:
    ended = start_sample(name, folder, address, login)
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, b"", b"")


@pytest.mark.parametrize("name", LINKTRACK)
def test_the_linktrack_samples_store_the_last_day(utc, tmp_path, name):
    """Each click of the last day is in the file; a second run, as they say, stores it twice."""
    now = datetime.now(UTC)
    utc.populate(60, now - timedelta(hours=20), now - timedelta(hours=1))
    with running(create_app(utc.database)) as address:
        run_sample(name, tmp_path, address)
        run_sample(name, tmp_path, address)
    lines = (tmp_path / "history.jsonl").read_text(encoding="utf-8").strip("\n").split("\n")
    stored = [json.loads(line) for line in lines]
    clicks = [click for answer in stored for click in answer.get("history", [answer])]
    assert sorted(int(click["id"]) for click in clicks) == sorted([*range(1, 61)] * 2)


@pytest.mark.parametrize("name", LINKBEE)
def test_the_linkbee_samples_store_the_account_s_hits(utc, tmp_path, name):
    """The answer and when it was given, a line a run."""
    utc.open_account()
    add_short_link(utc.database, "https://example.com/", account_id=utc.account_id, hits=7)
    with running(create_app(utc.database)) as address:
        run_sample(name, tmp_path, address)
        run_sample(name, tmp_path, address)
    lines = (tmp_path / "hits.txt").read_text(encoding="utf-8").splitlines()
    assert [json.loads(line.rpartition(" ")[0])["hits"] for line in lines] == ["7", "7"]
    datetime.fromisoformat(lines[0].rpartition(" ")[2])


@pytest.mark.parametrize("name", LINKTRACK + LINKBEE)
def test_a_sample_takes_any_login(tmp_path, name):
    """What means something in a query is encoded."""
    login = "a&b=c d%41é"
    service = Service(tmp_path / "service.db")
    service.account_id = service.database.add_account(login, PASSWORD, "UTC")
    with running(create_app(service.database)) as address:
        run_sample(name, tmp_path, address, login)
    service.close()


@pytest.mark.parametrize("name", LINKTRACK + LINKBEE)
@pytest.mark.parametrize("dialects", [(), ("legacy-errors",)])
def test_a_sample_that_is_refused_says_so(utc, tmp_path, name, dialects):
    """It ends with another code than 0, and appends nothing."""
    utc.open_account()
    with running(create_app(utc.database, dialects)) as address:
        ended = start_sample(name, tmp_path, address, password="wrong")
    _has_failed(ended, tmp_path)


@pytest.mark.parametrize("name", LINKTRACK + LINKBEE)
def test_a_sample_without_a_service(tmp_path, name):
    """Nothing of the password is in what it says, nor is anything appended."""
    _has_failed(start_sample(name, tmp_path, "http://127.0.0.1:9"), tmp_path)


@pytest.mark.parametrize("name", LINKTRACK + LINKBEE)
@pytest.mark.parametrize("status", [302, 307, 308])
def test_a_sample_follows_no_redirect(tmp_path, name, status):
    """The login and the password go nowhere else."""
    asked = []
    with scripted(
        lambda given: asked.append(given) or Reply(b'{"error":0,"history":[]}')
    ) as there:
        location = (("Location", there),)
        with scripted(lambda _: Reply(b"", status, location)) as address:
            ended = start_sample(name, tmp_path, address.removesuffix("/api/v1_0/"))
    _has_failed(ended, tmp_path)
    assert asked == []


@pytest.mark.parametrize("name", LINKTRACK + LINKBEE)
@pytest.mark.parametrize("fault", ["drop-amid-body", "cut-short", "no-answer"])
def test_a_sample_appends_whole_answers_alone(utc, tmp_path, name, fault):
    """After one that was torn the next begins on a line of its own."""
    now = datetime.now(UTC)
    utc.populate(60, now - timedelta(hours=20), now - timedelta(hours=1))
    with running(create_app(utc.database)) as upstream, proxying(upstream) as proxy:
        run_sample(name, tmp_path, proxy.url)
        kept = _kept(tmp_path)
        proxy.fail(fault)
        ended = start_sample(name, tmp_path, proxy.url)
        assert ended.returncode != 0
        assert _kept(tmp_path) == kept
        run_sample(name, tmp_path, proxy.url)
    assert _kept(tmp_path).count("\n") == 2 * kept.count("\n")


def _kept(folder: Path) -> str:
    [path] = [*folder.glob("history.jsonl"), *folder.glob("hits.txt")]
    return path.read_text(encoding="utf-8")


def _has_failed(ended, folder: Path) -> None:
    assert ended.returncode != 0
    assert ended.stderr != b""
    assert not (folder / "history.jsonl").exists()
    assert not (folder / "hits.txt").exists()
    said = ended.stdout + ended.stderr
    for secret in (PASSWORD, quote(PASSWORD), quote(DIGEST), DIGEST.hex(), "Traceback"):
        assert secret.encode() not in said


def test_each_sample_is_in_the_table():
    """The page names every script that lies beside it."""
    page = (SAMPLES / "README.md").read_text(encoding="utf-8")
    for path in SAMPLES.glob("*.[sp][hy]"):
        assert f"]({path.name})" in page
