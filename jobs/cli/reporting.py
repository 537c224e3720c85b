"""How `run` and `backfill` say what they did, and their exit code."""

import orjson

from archiver.model import RunReport
from jobs.cli.output import show

_UNEXPECTED, _INCOMPLETE = 1, 3


def show_json(report: RunReport) -> None:
    """Print the document of `--json`."""
    show(orjson.dumps(report.as_json()))


def exit_code(report: RunReport) -> int:
    """0 where all was archived, 3 where something wasn't, 1 for a defect of ours."""
    if any(account.unexpected for account in report.accounts):
        return _UNEXPECTED
    return 0 if report.outcome == "complete" else _INCOMPLETE
