"""From an account's configuration to its service: here the concrete sources are chosen."""

from dataclasses import dataclass
from typing import Literal

from archiver.config_account import Account
from archiver.privacy import Treatment, treatment
from archiver.sources.base import Paging
from archiver.sources.bisecting import BisectPaging
from archiver.sources.bodies import MAX_BODY_BYTES
from archiver.sources.linkbee import LinkbeeLinks
from archiver.sources.linktrack import LinktrackSource
from archiver.sources.linktrack_client import LinktrackClient
from archiver.sources.linktrack_links import LinktrackLinks
from archiver.sources.paging import OffsetPaging
from archiver.sources.transport import Transport
from archiver.timestamps import LocalTimes
from storage.opening import Archive

#: What an account's slices under way may hold in memory together: some 0.7 kB a record; and where
#: records are large, so many bytes of answers.
RECORDS_IN_FLIGHT = 40_000
BYTES_IN_FLIGHT = 32 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Service:
    """An account's service: its links, and its clicks where it has a log of them."""

    transport: Transport
    links: LinktrackLinks | LinkbeeLinks
    clicks: LinktrackSource | None = None

    def close(self) -> None:
        """Give up whatever is under way."""
        self.transport.close()


def open_service(account: Account, password: str, treat_address: Treatment | None) -> Service:
    """The service of an account. Nothing is sent yet.

    `treat_address` is what is done to the addresses of clicks, by `address_treatment`; whoever
    keeps none of them may drop them (`archiver.privacy.dropped`).
    """
    if account.service == "linkbee":
        return _open_linkbee(account, password)
    return _open_linktrack(account, password, treat_address)


def address_treatment(account: Account, archive: Archive) -> Treatment | None:
    """What the account's `ip` says. The archive's key is made, where this is its first use.

    Raises StoreError where the key is lost or can't be had.
    """
    return treatment(account.ip, archive.ip_key.hold() if account.ip == "hash" else None)


def _open_linktrack(account: Account, password: str, treat_address: Treatment | None) -> Service:
    transport = _transport(account, account.method)
    client = LinktrackClient(
        base_url=account.base_url,
        login=account.login,
        password=password,
        transport=transport,
        form=account.format,
        parameter_names=account.parameters,
        shows_addresses=account.ip == "keep",
    )
    clicks = LinktrackSource(
        client,
        account=account.name,
        times=local_times(account),
        paging=_paging(account),
        page_size=account.page_size,
        field_names=account.fields,
        treat_address=treat_address,
    )
    links = LinktrackLinks(client, page_size=account.page_size, treat_address=treat_address)
    return Service(transport, links, clicks)


def _open_linkbee(account: Account, password: str) -> Service:
    transport = _transport(account, "get")
    links = LinkbeeLinks(
        base_url=account.base_url, login=account.login, password=password, transport=transport
    )
    return Service(transport, links)


def local_times(account: Account) -> LocalTimes:
    """The account's clock at its service."""
    return LocalTimes(account.timezone.key)


def _transport(account: Account, method: Literal["get", "post"]) -> Transport:
    return Transport(
        method=method,
        deadline=account.deadline,
        requests_per_second=account.requests_per_second,
        concurrency=account.concurrency,
    )


def _paging(account: Account) -> Paging:
    if account.pagination == "bisect":
        return BisectPaging(account.page_size)
    return OffsetPaging(
        slice_records=max(account.page_size, RECORDS_IN_FLIGHT // account.concurrency),
        slice_bytes=max(MAX_BODY_BYTES, BYTES_IN_FLIGHT // account.concurrency),
        slices=account.concurrency,
    )
