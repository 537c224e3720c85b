"""A run that is heard of: what `run` and the daemon do, with the pings and metrics of [notify].

Nothing that goes wrong with those changes what became of the run: it is a warning.
"""

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from archiver.config import Config
from archiver.errors import ArchiveBusyError, ArchiverError, ConfigError
from archiver.model import AccountReport, RunReport
from archiver.redaction import Redactor
from jobs.archiving import Job
from jobs.guarded import guarded_as
from jobs.logs import tell
from jobs.metrics import write_metrics
from jobs.pings import HURRIED, PATIENT, Patience, Ping, Signal, read_ping, secrets_of
from jobs.summary import lines_of
from jobs.turn import Observers


@dataclass(frozen=True, slots=True)
class Notices:
    """Who hears of runs, as [notify] says; nobody of `secrets`, which may grow meanwhile."""

    secrets: list[str]
    ping: Ping | None = None
    metrics_file: Path | None = None

    @classmethod
    def of(cls, config: Config, environ: Mapping[str, str], secrets: list[str]) -> "Notices":
        """What the configuration asks for; the ping's address joins the secrets.

        Raises ConfigError where the variable with the address isn't set, or where the metrics
        would overwrite what is needed.
        """
        variable, path = config.notify.healthcheck_url_env, config.notify.metrics_file
        ping = read_ping(variable, environ) if variable else None
        of_ping = secrets_of(ping) if ping else ()
        secrets.extend(secret for secret in of_ping if secret not in secrets)
        what = path and guarded_as(path, config)
        if what:
            raise ConfigError(
                f"notify.metrics_file: {path} would overwrite {what}. Name another file"
            )
        return cls(secrets, ping, path)


def run_noticed(job: Job, notices: Notices) -> RunReport:
    """Execute a job; whoever waits for it hears of its beginning and of its end, whatever that is.

    Raises as `Job.execute` does. Where another run holds the archive nobody hears of this one: it
    has neither begun nor failed, and the other one tells of itself.
    """
    turns = _Turns()
    job = replace(job, observer=Observers((job.observer, turns)))
    hearing = _Hearing(job, notices)
    try:
        report = job.execute(hearing.begun)
    except ArchiveBusyError:
        raise
    except Exception as error:
        hearing.ended(_failed(job, error))
        raise
    except BaseException as end:
        hearing.cut_short(end, RunReport(turns.over))
        raise
    hearing.ended(report)
    return report


@dataclass(frozen=True, slots=True)
class _Turns(Observers):
    """The turns that are over. What was found odd in them no later run tells again."""

    over: list[AccountReport] = field(default_factory=list)

    def end(self, report: AccountReport) -> None:
        self.over.append(report)


class _Hearing:
    """Who hears of one run."""

    def __init__(self, job: Job, notices: Notices) -> None:
        self._job = job
        self._notices = notices
        self._started = job.clock()
        self._has_begun = False

    def begun(self) -> None:
        self._has_begun = True
        self._ping("start")

    def ended(self, report: RunReport) -> None:
        self._write_metrics(report)  # first: it can't take long, and a signal may end the ping
        text = "\n".join([f"run {report.outcome}", *lines_of(report)])
        self._ping("success" if report.outcome == "complete" else "fail", text)

    def cut_short(self, end: BaseException, so_far: RunReport) -> None:
        """It was told to end, and there is little time.

        A daemon that is stopped hasn't failed: that is noted, and the next run is waited for.
        """
        if not self._has_begun:
            return
        self._write_metrics(None)
        signal: Signal = "log" if getattr(end, "exit_code", 1) == 0 else "fail"
        what = f"run ended by {str(end) or type(end).__name__}"
        self._ping(signal, "\n".join([what, *lines_of(so_far)]), HURRIED)

    def _ping(self, signal: Signal, text: str = "", patience: Patience = PATIENT) -> None:
        if self._notices.ping is None:
            return
        # Redacted first and then cut: a secret of which a cut leaves a part isn't found any more.
        redacted = Redactor(self._notices.secrets).redact(text)
        reason = self._notices.ping.send(signal, self._job.run_id, redacted, patience)
        if reason:
            tell(logging.WARNING, f"warning: the ping of [notify] ({signal}) failed: {reason}")

    def _write_metrics(self, report: RunReport | None) -> None:
        job, path = self._job, self._notices.metrics_file
        if path is None:
            return
        try:
            write_metrics(path, job.config, report, self._started, job.clock())
        except ArchiverError as error:
            tell(logging.WARNING, f"warning: the metrics of [notify]: {error}")
        except Exception as error:  # noqa: BLE001 - not even a defect of ours changes the run
            what = f"unexpected {type(error).__name__}: {error}"
            tell(logging.WARNING, f"warning: the metrics of [notify]: {what}")


def _failed(job: Job, error: Exception) -> RunReport:
    """What a run comes to that ended before any account had its turn."""
    foreseen = isinstance(error, ArchiverError)
    text = str(error) if foreseen else f"unexpected {type(error).__name__}: {error}"
    return RunReport([AccountReport(account.name, errors=[text]) for account in job.accounts])
