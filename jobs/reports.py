"""What goes wrong, in an account's report; and no secret in one."""

import traceback
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from archiver.errors import ArchiverError, RefusedError
from archiver.model import AccountReport
from archiver.redaction import Redactor


def redact(report: AccountReport, secrets: Iterable[str]) -> None:
    """No secret leaves in a report, wherever it goes: screen, JSON, ledger."""
    redactor = Redactor(secrets)
    report.errors[:] = map(redactor.told, report.errors)
    report.warnings[:] = map(redactor.told, report.warnings)


@contextmanager
def all_told(report: AccountReport) -> Iterator[None]:
    """Put what goes wrong within into the report: it must not keep others from their turn."""
    try:
        yield
    except ArchiverError as error:
        report.aborted = True
        report.refused = report.refused or isinstance(error, RefusedError)
        report.errors.append(str(error))
    except Exception as error:  # noqa: BLE001 - a defect of ours, told with its place
        report.aborted = report.unexpected = True
        place = traceback.extract_tb(error.__traceback__)[-1]
        report.errors.append(
            f"unexpected {type(error).__name__} in {Path(place.filename).name}:{place.lineno}: "
            f"{error}. This is a defect of link-archiver: please report it"
        )
