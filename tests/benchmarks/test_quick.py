"""`make bench-quick`: that each row is measured, of archives that are exact. Never how fast."""

import os
import platform
import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from benchmarks.tasks import ROOT

_SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture(scope="module")
def output(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a quick measurement has written. It fails by itself where an archive isn't exact."""
    folder = tmp_path_factory.mktemp("bench")
    before = _left_in_build()
    subprocess.run(
        [sys.executable, "-m", "benchmarks", "--quick", "--output", folder], cwd=ROOT, check=True
    )
    assert _left_in_build() == before
    return folder


def _left_in_build() -> set[str]:
    return {path.name for path in (ROOT / "build").glob("bench-*")}


def test_every_row_is_measured(output: Path) -> None:
    """Each of the goals has a line with a figure; that of a peer that isn't installed says so."""
    text = (output / "results.md").read_text()
    lines = re.findall(r"^\| (\d+) \| .* \| (.+) \|$", text, re.MULTILINE)
    assert [int(number) for number, _ in lines] == [
        1, 2, 3, 4, 5, 6, 7, 7, 8, 9, 10, 10, 11, 11, *[12] * 8,
    ]  # fmt: skip
    unmeasured = {int(number) for number, met in lines if met == "not measured"}
    assert unmeasured == (set() if find_spec("dlt") else {5})


def test_results_name_versions_and_no_machine(output: Path) -> None:
    """The page tells kind and versions, but neither the machine's name nor anybody's paths."""
    text = (output / "results.md").read_text()
    assert f"Python {platform.python_version()}" in text
    assert f"{os.cpu_count()} cores" in text
    for told in (platform.node(), str(ROOT), str(Path.home()), str(output)):
        assert told not in text


def test_chart_has_a_dot_for_each_size_of_the_archive(output: Path) -> None:
    """The chart is whole, and its dots are as many as the lines of the table beneath it."""
    root = ET.parse(output / "growth.svg").getroot()
    dots = root.findall(f"{_SVG}circle")
    table = (output / "results.md").read_text().rpartition("| --- | --- | --- |\n")[2]
    assert len(dots) == len(table.splitlines()) == 2


def test_a_part_alone_is_measured(tmp_path: Path) -> None:
    """Only its rows stand in the table, with as many rounds as were asked for, and no chart."""
    asked = ["--quick", "--only", "memory", "--rounds", "2", "--output", tmp_path]
    subprocess.run([sys.executable, "-m", "benchmarks", *asked], cwd=ROOT, check=True)
    text = (tmp_path / "results.md").read_text()
    assert "; 2 rounds." in text
    assert re.findall(r"^\| (\d+) \|", text, re.MULTILINE) == ["7", "7"]
    assert not (tmp_path / "growth.svg").exists()
