"""The figures of all accounts as a file for Prometheus' node_exporter."""

import os
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from archiver import __version__
from archiver.config import Config
from archiver.errors import StoreError
from archiver.model import RunReport
from jobs.figures import Figures, archived_figures, with_report
from jobs.whole_file import whole_file

if TYPE_CHECKING:
    from prometheus_client.metrics_core import Metric

_BUILD = "link_archiver_build"  # with _info at its end
_CLICKS = "link_archiver_archived_clicks_total"
_OUTCOME = "link_archiver_last_run_outcome"
_OUTCOMES = ("complete", "partial", "failed", "interrupted")
#: The others, by the figure that each shows.
_GAUGES = {
    "links": ("link_archiver_links", "Links of the account that are kept."),
    "last_success": (
        "link_archiver_last_success_timestamp_seconds",
        "When the last complete run ended; 0 is never.",
    ),
    "covered_until": (
        "link_archiver_covered_until_timestamp_seconds",
        "Where the time that is archived whole ends.",
    ),
    "behind_seconds": (
        "link_archiver_behind_seconds",
        "How much time after that end has settled and isn't archived yet.",
    ),
    "gaps": ("link_archiver_gaps", "Gaps in the time before that end."),
    "gap_seconds": ("link_archiver_gap_seconds", "How long these gaps are together."),
    "last_run": ("link_archiver_last_run_timestamp_seconds", "When the last run began."),
    "last_run_seconds": (
        "link_archiver_last_run_duration_seconds",
        "How long the last run took; none if it was interrupted.",
    ),
    "fetched": ("link_archiver_last_run_fetched_clicks", "Clicks that the last run fetched."),
    "new": ("link_archiver_last_run_new_clicks", "Of these, the new ones."),
    "duplicates": (
        "link_archiver_last_run_duplicate_clicks",
        "Of these, the ones that were archived before.",
    ),
    "totals": ("link_archiver_last_run_links", "Links whose totals the last run kept."),
    "warnings": ("link_archiver_last_run_warnings", "Warnings of the last run."),
    "errors": ("link_archiver_last_run_errors", "Errors of the last run."),
}
#: All names that may stand in the file.
NAMES = (f"{_BUILD}_info", _CLICKS, _OUTCOME, *(name for name, _ in _GAUGES.values()))

_FOR_NODE_EXPORTER = 0o644  # it is another user, whatever this program's umask


def write_metrics(
    path: Path, config: Config, report: RunReport | None, started: datetime, now: datetime
) -> None:
    """Write the file, whole or not at all, after a run that began at `started`.

    Without `report`, it was ended from outside. Raises StoreError where the file can't be
    written; and where the archive can't be read, once the file tells what the run reports.
    """
    try:
        figures = archived_figures(config, now)
    except StoreError:
        _write(path, [Figures(account.name) for account in config.accounts], report, started, now)
        raise
    _write(path, figures, report, started, now)


def _write(
    path: Path,
    archived: Sequence[Figures],
    report: RunReport | None,
    started: datetime,
    now: datetime,
) -> None:
    text = metrics_of([with_report(each, report, started, now) for each in archived])
    with whole_file(path) as file:
        file.write(text)
        os.fchmod(file.fileno(), _FOR_NODE_EXPORTER)


def metrics_of(accounts: Sequence[Figures]) -> bytes:
    """The figures in Prometheus' text format; a figure that isn't known has no sample."""
    # Most runs write no metrics, and this takes 60 ms to import.
    from prometheus_client import CollectorRegistry, generate_latest  # noqa: PLC0415

    registry = CollectorRegistry()
    registry.register(_Accounts(accounts))
    return generate_latest(registry)


class _Accounts:
    """The figures as prometheus_client asks for them."""

    def __init__(self, accounts: Sequence[Figures]) -> None:
        self._accounts = accounts

    def collect(self) -> Iterator["Metric"]:
        from prometheus_client.core import (  # noqa: PLC0415
            CounterMetricFamily,
            GaugeMetricFamily,
            InfoMetricFamily,
        )

        yield InfoMetricFamily(_BUILD, "The version that wrote this.", {"version": __version__})
        clicks = CounterMetricFamily(_CLICKS, "Clicks that are archived.", labels=["account"])
        for each in self._accounts:
            if each.archived_clicks is not None:
                clicks.add_metric([each.account], each.archived_clicks)
        yield clicks
        outcomes = GaugeMetricFamily(
            _OUTCOME, "How the last run went: 1 for its outcome.", labels=["account", "outcome"]
        )
        for each in self._accounts:
            for outcome in _OUTCOMES if each.outcome else ():
                outcomes.add_metric([each.account, outcome], each.outcome == outcome)
        yield outcomes
        for figure, (name, words) in _GAUGES.items():
            gauge = GaugeMetricFamily(name, words, labels=["account"])
            for each in self._accounts:
                value = getattr(each, figure)
                if value is not None:
                    gauge.add_metric([each.account], value)
            yield gauge
