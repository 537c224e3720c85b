"""Makes each defect in a copy of this tree, and shows which test catches it.

    python tests/mutants.py [WORD…]

With words, only the defects whose names hold one. Ends with 1 where one isn't caught.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import NamedTuple

sys.path.insert(0, str(Path(__file__).parent))

from support import figures
from support.defects import DEFECTS, Defect

ROOT = Path(__file__).parents[1]
_PACKAGES = ("archiver", "storage", "jobs", "refserver")
_COPIED = (*_PACKAGES, "tests", "docs", "setup.cfg", "pyproject.toml", "ruff.toml",
           "config.example.toml", "README.md", "Makefile", "constraints.txt")  # fmt: skip
_PYTEST = ("-m", "pytest", "-n", "0", "-x", "-q", "--tb=line", "-p", "no:cacheprovider", "-m",
           "not soak", "--hypothesis-profile=no-shrinking", "--hypothesis-seed=1")  # fmt: skip
#: So many random histories in all, of which a defect's tests take the eighteenth part.
_SEQUENCES = 1080
_TIMEOUT_SECONDS = 1200


class Verdict(NamedTuple):
    """What became of a defect: the test that caught it, or nothing and what pytest said."""

    defect: Defect
    caught_by: str | None
    told: str


def main(words: Sequence[str]) -> int:
    chosen = [each for each in DEFECTS if not words or any(word in each.name for word in words)]
    with tempfile.TemporaryDirectory() as name, ThreadPoolExecutor(os.cpu_count()) as pool:
        folder = Path(name)
        unfit = [told for told in pool.map(partial(_unfit, folder), _selections(chosen)) if told]
        if unfit:
            print("\n".join(unfit))
            return 1
        verdicts = []
        for verdict in pool.map(partial(_try, folder), chosen):
            verdicts.append(verdict)
            print(f"{verdict.defect.name:64} {verdict.caught_by or 'NOT CAUGHT'}", flush=True)
    survived = [verdict for verdict in verdicts if verdict.caught_by is None]
    for verdict in survived:
        print(f"\n{verdict.defect.name} was not caught by {' '.join(verdict.defect.tests)}:")
        print(verdict.told)
    figures.count("defects", len(verdicts))
    figures.count("defects caught", len(verdicts) - len(survived))
    figures.keep()
    return 1 if survived or not verdicts else 0


def _selections(chosen: Sequence[Defect]) -> Sequence[Sequence[str]]:
    return list(dict.fromkeys(defect.tests for defect in chosen))


def _unfit(folder: Path, tests: Sequence[str]) -> str:
    """Why tests can't show a defect: they fail without one. Empty where they don't."""
    code, told = _tested(_copied(folder), tests)
    return f"{' '.join(tests)} fail without a defect, and so show nothing:\n{told}" if code else ""


def mutated(defect: Defect, text: str) -> str:
    """The text with the defect in it. Raises ValueError where it has no place, or several."""
    found = text.count(defect.before)
    if found != 1:
        raise ValueError(
            f"{defect.name}: its text stands {found} times in {defect.path}: mend tests/support/"
            "defects.py after the code"
        )
    return text.replace(defect.before, defect.after)


def _try(folder: Path, defect: Defect) -> Verdict:
    copy = _copied(folder)
    path = copy / defect.path
    path.write_text(mutated(defect, path.read_text(encoding="utf-8")), encoding="utf-8")
    code, told = _tested(copy, defect.tests)
    failed = re.search(r"^(?:FAILED|ERROR) (\S+)", told, re.MULTILINE)
    shutil.rmtree(copy)
    return Verdict(defect, failed[1] if code == 1 and failed else None, told)


def _copied(folder: Path) -> Path:
    copy = Path(tempfile.mkdtemp(dir=folder))
    for name in _COPIED:
        source = ROOT / name
        ignored = shutil.ignore_patterns("__pycache__")
        if source.is_dir():
            shutil.copytree(source, copy / name, ignore=ignored)
        else:
            shutil.copy2(source, copy / name)
    return copy


def _tested(copy: Path, tests: Sequence[str]) -> tuple[int, str]:
    """Run tests of a copy, on the copy: not on what is installed."""
    environ = {**os.environ, "PYTHONPATH": str(copy), "MODEL_SEQUENCES": str(_SEQUENCES)}
    environ.pop(figures.VARIABLE, None)
    where = "import sys, {}; sys.exit(not all(m.__file__.startswith({!r}) for m in ({},)))"
    names = ", ".join(_PACKAGES)
    own = [sys.executable, "-c", where.format(names, str(copy), names)]
    subprocess.run(own, cwd=copy, env=environ, check=True)
    ended = subprocess.run(
        [sys.executable, *_PYTEST, *tests],
        cwd=copy,
        env=environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=_TIMEOUT_SECONDS,
        check=False,
    )
    return ended.returncode, ended.stdout[-4000:]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
