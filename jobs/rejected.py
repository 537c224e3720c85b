"""`rejected`: the records that can't be understood, account by account. Reads, writes nothing."""

from collections.abc import Collection, Iterator, Sequence
from pathlib import Path

from archiver.errors import ConfigError
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
        known = {*archived, *configured}
        unknown = [name for name in accounts if name not in known]
        if unknown:
            there = ", ".join(sorted(known))
            raise ConfigError(
                *(
                    f"--account {name}: there is no such account; there are: {there}"
                    for name in unknown
                )
            )
        for name in archived:
            if reader and (not accounts or name in accounts):
                yield from reader.rejected.listed(name)
