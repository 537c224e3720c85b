"""The scripts in docs/samples do what they say, against the reference server."""

import json
import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from support.service import LOGIN, PASSWORD

from refserver.app import create_app
from refserver.serving import running
from refserver.shortlinks import add_short_link

SAMPLES = Path(__file__).parents[2] / "docs" / "samples"


def run_sample(name: str, folder: Path, address: str) -> None:
    """Run a script as a user would, in an empty folder with its settings in the environment."""
    password = folder / "password"
    password.write_text(PASSWORD, encoding="utf-8")
    environ = {
        "PATH": os.environ["PATH"],
        "LINKTRACK_API": f"{address}/api/v1_0",
        "LINKTRACK_LOGIN": LOGIN,
        "LINKTRACK_PASS_FILE": str(password),
        "LINKBEE_API": f"{address}/api.php",
        "LINKBEE_USER": LOGIN,
        "LINKBEE_PASS_FILE": str(password),
    }
    program = [sys.executable] if name.endswith(".py") else ["sh"]
    command = [*program, str(SAMPLES / name)]
    subprocess.run(command, cwd=folder, env=environ, check=True, timeout=60)


@pytest.mark.parametrize("name", ["linktrack.sh", "linktrack.py"])
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


@pytest.mark.parametrize("name", ["linkbee.sh", "linkbee.py"])
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


def test_each_sample_is_in_the_table():
    """The page names every script that lies beside it."""
    page = (SAMPLES / "README.md").read_text(encoding="utf-8")
    for path in SAMPLES.glob("*.[sp][hy]"):
        assert f"]({path.name})" in page
