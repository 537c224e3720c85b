"""`docs/refserver.md` says what is so."""

import re
import subprocess
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import get_args

from refserver import dialects, faultkinds
from refserver.app import create_app
from refserver.database import Database
from refserver.links import SORTS
from refserver.population import populate
from refserver.proxy import PROXY_FAULTS
from refserver.serving import running

TEXT = (Path(__file__).parents[3] / "docs" / "refserver.md").read_text(encoding="utf-8")
ADDRESS = "http://127.0.0.1:8080"
COMMANDS = [
    line for block in re.findall("```sh\n(.*?)```", TEXT, re.DOTALL) for line in block.splitlines()
]


def test_every_command_runs(tmp_path) -> None:
    """From top to bottom as they stand, and none is answered with an error."""
    with closing(Database(tmp_path / "reference.db")) as database:
        populate(
            database,
            login="acme",
            password="password",
            timezone="America/New_York",
            links=40,
            clicks=5000,
            start=datetime(2026, 3, 1, 5, tzinfo=UTC),
            end=datetime(2026, 3, 8, 5, tzinfo=UTC),
        )
        with running(create_app(database, allow_control=True)) as url:
            for command in COMMANDS:
                assert ADDRESS in command
                done = subprocess.run(
                    ["bash", "-c", command.replace(ADDRESS, url)],
                    cwd=tmp_path,
                    capture_output=True,
                    timeout=30,
                    check=False,
                )
                assert (done.returncode, done.stderr) == (0, b""), command
                _is_a_success(command, done.stdout.decode())


def _is_a_success(command: str, out: str) -> None:
    if " -i " in command:
        assert out.startswith("HTTP/1.1 302 "), (command, out)
    elif "/getLink" in command:
        assert re.match('{"error":0,"msg":"","total":[1-9]|<response><error>0<', out), out
    elif "makeLink" in command:
        assert re.fullmatch(r"http://[^/]+/[.\w]+", out), out
    else:
        assert out.startswith('{"error":0,"msg":"",'), (command, out)


def test_everything_is_documented() -> None:
    """Each method, task, parameter, dialect and fault is named, and has its command."""
    methods = ("getLinkHistory", "getLinks", "makeLink", "quicken", "shorten", "hits")
    kinds = [
        get_args(kind.model_fields["fault"].annotation)[0]
        for kind in get_args(get_args(faultkinds.Fault)[0])
    ]
    assert len(kinds) == 11
    for name in methods:
        assert any(name in command for command in COMMANDS), name
    for kind in kinds:
        assert any(f'"{kind}"' in command for command in COMMANDS), kind
    settings = [
        name for kind in get_args(get_args(faultkinds.Fault)[0]) for name in kind.model_fields
    ]
    for name in (*dialects.NAMES, *kinds, *PROXY_FAULTS, *SORTS, *settings):
        assert f"`{name}`" in TEXT, name
