"""The records that can't be understood: told of once by a run, and listed by `rejected`."""

from collections.abc import Collection, Iterator, Sequence
from datetime import datetime
from pathlib import Path

from archiver.model import AccountReport
from jobs.accounts import refuse_unknown
from storage.opening import Archive
from storage.reading import open_reader
from storage.rejected import RejectedRecord

#: Of how many reasons for which records were rejected an error tells.
_KINDS_TOLD = 5


def rejected_records(
    directory: Path, accounts: Sequence[str], configured: Collection[str]
) -> Iterator[RejectedRecord]:
    """The records of these accounts, or of all without any, in the order of their accounts.

    Of no archive there are none. Raises ConfigError for an account that is neither archived nor
    configured.
    """
    with open_reader(directory) as reader:
        archived = [account.name for account in reader.accounts()] if reader else []
        refuse_unknown(accounts, {*archived, *configured})
        for name in archived:
            if reader and (not accounts or name in accounts):
                yield from reader.rejected.listed(name)


def tell_rejected(archive: Archive, report: AccountReport, now: datetime) -> None:
    """Tell of records that can't be understood and that no run has told of yet."""
    counts = archive.rejected.report(report.name, now)
    if not counts:
        return
    report.rejected = sum(counts.values())
    kinds = [f"{reason} ({count:,})" for reason, count in counts.items()]
    told = kinds[:_KINDS_TOLD] + ["…"] * (len(kinds) > _KINDS_TOLD)
    records = "1 new record" if report.rejected == 1 else f"{report.rejected:,} new records"
    # First, for of very many errors only the first are told, and this one is told once.
    report.errors.insert(
        0,
        f"{records} can't be understood: {'; '.join(told)}. Kept beside the clicks: "
        "see `link-archiver rejected`",
    )
