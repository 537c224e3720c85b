"""`rejected`: the records that can't be understood, account by account. Reads, writes nothing."""

from collections.abc import Collection, Iterator, Sequence
from pathlib import Path

from jobs.choice import refuse_unknown
from storage.reading import open_reader
from storage.rejected import RejectedRecord


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
