"""The command `link-refserver`, as a process."""

import os
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from contextlib import closing, contextmanager

import pytest
import requests
from click.testing import CliRunner

from refserver.cli import main
from refserver.database import Database

POPULATE = {
    "--login": "acme",
    "--password-env": "REFSERVER_PASSWORD",
    "--timezone": "Europe/Zurich",
    "--links": "9",
    "--clicks": "300",
    "--from": "2026-10-20",
    "--to": "2026-10-30T12:00",
}


@contextmanager
def serving(database, *options):
    """The running command and its address."""
    command = [sys.executable, "-m", "refserver", "serve", "--database", str(database)]
    with subprocess.Popen(
        [*command, "--port", "0", *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            line = process.stdout.readline()
            assert line.startswith("listening on http://"), line
            yield process, line.removeprefix("listening on ").rstrip("\n")
        finally:
            process.kill()


def populate(database, **options):
    """Run `populate` in this process; None leaves an option out."""
    given = {**POPULATE, **{f"--{name}": value for name, value in options.items()}}
    arguments = [part for pair in given.items() if pair[1] is not None for part in pair]
    return CliRunner().invoke(
        main,
        ["populate", "--database", str(database), *arguments],
        env={"REFSERVER_PASSWORD": "secret", "EMPTY": "", "NO_TEXT": "\udcff"},
    )


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_serve_answers_and_ends(tmp_path, number) -> None:
    """It says where it listens, answers, logs no query, and ends with 0 when it is asked to."""
    path = tmp_path / "reference.db"
    with closing(Database(path)) as database:
        database.add_account("acme", "secret", "UTC")
    with serving(path, "--dialect", "no-total", "--dialect", "cap-500") as (process, url):
        page = requests.get(
            f"{url}/api/v1_0/getLinkHistory?format=json&login=acme&pass=secret", timeout=10
        ).json()
        began = time.monotonic()
        process.send_signal(number)
        out, log = process.communicate(timeout=10)
    assert time.monotonic() - began < 2
    assert process.returncode == 0
    assert out == ""
    assert page == {"error": 0, "msg": "", "limit": 1000, "offset": 0, "history": []}
    assert "GET /api/v1_0/getLinkHistory 200" in log
    assert "secret" not in log
    assert "?" not in log


def test_serve_ends_while_connections_are_open(tmp_path) -> None:
    """A client that keeps its connection, or sends half a request, doesn't keep it alive."""
    with serving(tmp_path / "reference.db") as (process, url):
        address = url.removeprefix("http://").split(":")
        with socket.create_connection(address) as client:
            client.sendall(
                b"POST /api/v1_0/getLinkHistory HTTP/1.1\r\nContent-Length: 50\r\n\r\nlo"
            )
            time.sleep(0.1)
            began = time.monotonic()
            process.terminate()
            process.communicate(timeout=10)
    assert time.monotonic() - began < 2
    assert process.returncode == 0


def test_serve_obeys_only_where_it_is_allowed_to(tmp_path) -> None:
    """Without `--allow-control` there is no /_control/."""
    for options, status in ((), 404), (("--allow-control",), 200):
        with serving(tmp_path / "reference.db", *options) as (_, url):
            answer = requests.post(f"{url}/_control/reset", json={}, timeout=10)
            assert answer.status_code == status


def test_serve_ends_while_its_proxy_is_at_work(tmp_path) -> None:
    """A body that drips doesn't keep the server alive."""
    with serving(tmp_path / "reference.db", "--allow-control") as (process, url):
        order = {"fault": "drip", "seconds": 60}
        proxy = requests.post(f"{url}/_control/proxy", json=order, timeout=10).json()["url"]
        with requests.get(f"{proxy}/.1", stream=True, timeout=10) as response:
            assert response.status_code == 404
            began = time.monotonic()
            process.terminate()
            process.communicate(timeout=10)
    assert time.monotonic() - began < 2
    assert process.returncode == 0


def test_serve_takes_several_requests_at_once(tmp_path) -> None:
    """Threads of clients are answered side by side."""
    statuses = []
    with serving(tmp_path / "reference.db") as (_, url):
        threads = [
            threading.Thread(
                target=lambda: statuses.append(requests.get(url, timeout=10).status_code)
            )
            for _ in range(20)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert statuses == [404] * 20


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--dialect", "no-such"], "'no-such' is not one of"),
        (["--host", "192.0.2.1", "--port", "0"], "can't listen on 192.0.2.1:0"),
        (["--port", "65536"], "'--port'"),
    ],
)
def test_serve_refuses_what_it_cannot_do(tmp_path, arguments, message) -> None:
    """Exit 2 and a message."""
    database = str(tmp_path / "reference.db")
    result = CliRunner().invoke(main, ["serve", "--database", database, *arguments])
    assert result.exit_code == 2
    assert message in result.output


def test_serve_refuses_a_file_that_is_no_database(tmp_path) -> None:
    """And leaves it as it is."""
    path = tmp_path / "letter.txt"
    path.write_text("Dear Sir or Madam, " * 100)
    result = CliRunner().invoke(main, ["serve", "--database", str(path)])
    assert result.exit_code == 2
    assert "can't be used as a database" in result.output
    assert path.read_text() == "Dear Sir or Madam, " * 100


def test_populate_makes_the_same_clicks_each_time(tmp_path) -> None:
    """Two processes with the same arguments, two equal histories."""
    dumps = []
    for name, hash_seed in (("one.db", "1"), ("two.db", "2")):
        path = tmp_path / name
        subprocess.run(
            [sys.executable, "-m", "refserver", "populate", "--database", str(path), "--seed", "5"]
            + [part for pair in POPULATE.items() for part in pair],
            env={**os.environ, "REFSERVER_PASSWORD": name, "PYTHONHASHSEED": hash_seed},
            check=True,
            timeout=30,
        )
        with closing(sqlite3.connect(path)) as connection:
            dumps.append(connection.execute("SELECT * FROM clicks ORDER BY id").fetchall())
    assert dumps[0] == dumps[1]
    assert len(dumps[0]) == 300
    assert min(click[3] for click in dumps[0]) >= "2026-10-19T22:00:00Z"
    assert max(click[3] for click in dumps[0]) < "2026-10-30T11:00:00Z"


def test_populate_says_nothing(tmp_path) -> None:
    """A population that succeeds needs no words, and its credentials hold."""
    path = tmp_path / "reference.db"
    result = populate(path)
    assert (result.exit_code, result.output) == (0, "")
    with closing(Database(path)) as database:
        assert database.account("acme", "secret") is not None


def test_populate_refuses_an_existing_login(tmp_path) -> None:
    """Exit 2, a clear message, and no click more."""
    path = tmp_path / "reference.db"
    assert populate(path).exit_code == 0
    result = populate(path)
    assert result.exit_code == 2
    assert "there is an account 'acme' already" in result.output
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT count(*) FROM clicks").fetchone() == (300,)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"from": "10"}, "'10' is no ISO 8601 date or time"),
        ({"to": "2026-10-20"}, "has to end after it starts"),
        ({"to": None}, "Missing option '--to'"),
        ({"timezone": "Europe"}, "there is no zone 'Europe'"),
        ({"timezone": "Europe/Zürich"}, "there is no zone"),
        ({"timezone": "../etc"}, "there is no zone"),
        ({"password-env": "EMPTY"}, "EMPTY holds no password"),
        ({"password-env": "NO_TEXT"}, "the environment variable NO_TEXT isn't UTF-8 text"),
        ({"login": "\udcff"}, "--login isn't UTF-8 text"),
        ({"password-env": "UNSET_VARIABLE"}, "UNSET_VARIABLE holds no password"),
        ({"links": "0"}, "'--links'"),
        ({"clicks": "-1"}, "'--clicks'"),
    ],
)
def test_populate_refuses_what_it_cannot_read(tmp_path, options, message) -> None:
    """Exit 2 and a message that names what is wrong, and never a traceback."""
    result = populate(tmp_path / "reference.db", **options)
    assert result.exit_code == 2
    assert message in result.output
    assert "Traceback" not in result.output
