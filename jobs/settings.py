"""What of the configuration the archive remembers, for it shapes the identity of clicks."""

from collections.abc import Mapping, Sequence

from archiver.config_account import Account
from archiver.errors import ConfigError
from storage.opening import Archive
from storage.settings import IdentitySettings


def identity_settings(account: Account) -> IdentitySettings:
    """What of an account's configuration shapes the identity of its clicks."""
    return IdentitySettings(account.service, account.timezone.key, account.fields, account.ip)


def hold_settings(archive: Archive, accounts: Sequence[Account]) -> Mapping[str, list[str]]:
    """Remember what shapes identities; give, by account, what somebody should know of a change.

    Raises ConfigError, and remembers nothing, where a change can't be allowed.
    """
    problems: list[str] = []
    changes: dict[str, list[str]] = {}
    with archive.transaction():
        for account in accounts:
            try:
                archive.settings.hold_account(account.name, identity_settings(account))
            except ConfigError as error:
                problems.extend(error.problems)
            else:
                changed = archive.settings.hold_ip(account.name, account.ip)
                changes[account.name] = [changed] if changed else []
        if problems:
            raise ConfigError(*problems)
    return changes
