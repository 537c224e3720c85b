"""What the options before a command decide, and how a command speaks."""

import logging
import os
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from archiver.errors import ConfigError

if TYPE_CHECKING:
    from archiver.config import Account, Config


@dataclass(frozen=True, slots=True)
class Context:
    """The options that every command has. stdout is for results, stderr for all else."""

    config: Path | None
    verbose: bool = False
    quiet: bool = False
    secrets: list[str] = field(default_factory=list)

    def load(self) -> "Config":
        """The configuration. Raises ConfigError with everything that is wrong in it."""
        from archiver.config import find_config, load_config

        return load_config(find_config(self.config, os.environ))

    def password(self, account: "Account") -> str:
        """An account's password, from now on a secret. Raises ConfigError if it can't be read."""
        from archiver.credentials import read_password

        password = read_password(account, os.environ)
        self._keep_secret(password)
        return password

    def secret(self, variable: str) -> str:
        """A secret from the environment. Raises ConfigError where there is none."""
        value = os.environ.get(variable)
        if not value:
            raise ConfigError(f"the environment variable {variable} isn't set, or is empty")
        self._keep_secret(value)
        return value

    def _keep_secret(self, secret: str) -> None:
        if secret not in self.secrets:  # a daemon reads them again at each run
            self.secrets.append(secret)

    def passwords(self, accounts: "Sequence[Account]") -> dict[str, str]:
        """Each account's password, by name. Raises ConfigError with all that can't be read."""
        passwords, unread = self.passwords_there(accounts)
        if unread:
            raise _all_of(unread.values())
        return passwords

    def passwords_there(
        self, accounts: "Sequence[Account]"
    ) -> tuple[dict[str, str], dict[str, ConfigError]]:
        """The passwords that can be read, and why the others can't, by account.

        Raises ConfigError where none can.
        """
        passwords: dict[str, str] = {}
        unread: dict[str, ConfigError] = {}
        for account in accounts:
            try:
                passwords[account.name] = self.password(account)
            except ConfigError as error:
                unread[account.name] = error
        if unread and not passwords:
            raise _all_of(unread.values())
        return passwords, unread

    def log(self) -> None:
        """Say on stderr what the options ask for, from now on; under cron, warnings at most."""
        from jobs.logs import log_to_stderr

        level = logging.INFO if sys.stderr.isatty() else logging.WARNING
        if self.quiet:
            level = logging.ERROR
        if self.verbose:
            level = logging.DEBUG
        log_to_stderr(level, self.secrets)

    def log_for_years(self) -> None:
        """As `log`, for a program that stays: with each event's time, and what went well too."""
        from jobs.logs import log_to_stderr

        level = logging.ERROR if self.quiet else logging.DEBUG if self.verbose else logging.INFO
        log_to_stderr(level, self.secrets, timed=True)


def _all_of(errors: Iterable[ConfigError]) -> ConfigError:
    return ConfigError(*(problem for error in errors for problem in error.problems))
