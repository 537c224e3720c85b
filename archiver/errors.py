"""Every error that this program raises on purpose.

    ArchiverError                   exit code, and what to do next
    ├── ConfigError             2   mend the configuration or the call
    ├── ArchiveBusyError       75   wait for the other run
    ├── StoreError              3   look at the disk or the archive; do it again
    │   └── CorruptArchiveError 3   look at the named file before anything else writes to it
    ├── SourceError             3   something could not be fetched; it is fetched next time
    │   ├── AccountError            no other window of this account can do better in this run
    │   │   └── RefusedError        nor may its login be used again: that could lock it
    │   └── WindowError             this window is left uncovered, the others go on
    │       ├── UnavailableError    the service doesn't answer; after a few of these, all wait
    │       └── UnstableError       the pages shifted while they were read: read them again

A message names the operation, the object and the remedy. None of them holds a secret or a
request's parameters.
"""


class ArchiverError(Exception):
    """The root: whoever catches this has caught all that we foresaw."""

    exit_code = 1


class ConfigError(ArchiverError):
    """The configuration or the call can't be used. Holds every problem that was found."""

    exit_code = 2

    def __init__(self, *problems: str) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


class ArchiveBusyError(ArchiverError):
    """Another run holds the archive."""

    exit_code = 75


class StoreError(ArchiverError):
    """The archive could not be read or written."""

    exit_code = 3


class CorruptArchiveError(StoreError):
    """The archive isn't what was committed. Nothing has been changed."""


class SourceError(ArchiverError):
    """The service's answer could not be had or could not be used."""

    exit_code = 3


class AccountError(SourceError):
    """The account can't be fetched in this run: credentials, address, unreachable host."""


class RefusedError(AccountError):
    """The service refused the account's login, or said no in a way that may mean that."""


class WindowError(SourceError):
    """One window can't be fetched in this run; other windows may be."""


class UnavailableError(WindowError):
    """The service gave no answer, or a server error, however often it was asked."""


class UnstableError(WindowError):
    """The pages of a slice don't fit together: they shifted while they were read."""
