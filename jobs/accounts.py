"""Which accounts take part, and which of them are one to their service."""

from collections.abc import Collection, Iterable, Sequence

from archiver.config import Config
from archiver.config_account import Account
from archiver.errors import ConfigError

Login = tuple[str, str, str, str]  # service, base_url, login, password
REFUSED_BEFORE = (
    "another account has the same login, and the service has just refused it. Nothing was sent: "
    "too many refusals could lock it. Check the account's login, its password and its base_url"
)


def chosen_accounts(config: Config, names: Sequence[str]) -> list[Account]:
    """The accounts of these names, or all without any. Raises ConfigError for an unknown name."""
    refuse_unknown(names, [account.name for account in config.accounts], f" in {config.path}")
    return [account for account in config.accounts if not names or account.name in names]


def refuse_unknown(names: Iterable[str], known: Collection[str], where: str = "") -> None:
    """Raise ConfigError, with a line for each, where a name is none of the known ones."""
    there = ", ".join(sorted(known))
    unknown = [
        f"--account {name}: there is no such account{where}; there are: {there}"
        for name in names
        if name not in known
    ]
    if unknown:
        raise ConfigError(*unknown)


def login_of(account: Account, password: str) -> Login:
    """What a service may lock when it has refused it too often."""
    return account.service, account.base_url, account.login, password
