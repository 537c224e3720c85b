"""From an account's configuration to its source: here the concrete ones are chosen."""

from archiver.config_account import Account
from archiver.errors import ConfigError
from archiver.sources.base import Paging
from archiver.sources.bisecting import BisectPaging
from archiver.sources.linktrack import LinktrackSource
from archiver.sources.paging import OffsetPaging
from archiver.sources.transport import Transport
from archiver.timestamps import LocalTimes

#: What an account's slices under way may hold in memory together: some 0.7 kB each.
RECORDS_IN_FLIGHT = 40_000


def open_source(account: Account, password: str) -> LinktrackSource:
    """The source of an account's clicks. Nothing is sent yet.

    Raises ConfigError where this version has none for it.
    """
    if account.service != "linktrack":
        raise ConfigError(
            f"this version archives no {account.service} accounts; take the account out"
        )
    if account.ip != "keep":
        raise ConfigError('ip: this version knows "keep" only; set it to that')
    return LinktrackSource(
        account=account.name,
        base_url=account.base_url,
        login=account.login,
        password=password,
        times=local_times(account),
        transport=Transport(
            method=account.method,
            deadline=account.deadline,
            requests_per_second=account.requests_per_second,
        ),
        paging=_paging(account),
        form=account.format,
        page_size=account.page_size,
        parameter_names=account.parameters,
        field_names=account.fields,
    )


def local_times(account: Account) -> LocalTimes:
    """The account's clock at its service."""
    return LocalTimes(account.timezone.key)


def _paging(account: Account) -> Paging:
    if account.pagination == "bisect":
        return BisectPaging(account.page_size)
    return OffsetPaging(max(account.page_size, RECORDS_IN_FLIGHT // account.concurrency))
