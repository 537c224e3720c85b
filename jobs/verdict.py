"""What `verify` says in the end: what differs, what couldn't be looked at, what it comes to."""

from collections.abc import Collection
from dataclasses import asdict, dataclass, field
from typing import Any, Literal, TypeAlias

from storage.verification.base import Difference

VerifyOutcome: TypeAlias = Literal["intact", "different", "incomplete"]

_EXIT_CODES: dict[VerifyOutcome, int] = {"intact": 0, "incomplete": 3, "different": 4}


@dataclass(slots=True)
class AccountVerdict:
    """What was looked at of one account; `errors` tell what couldn't be."""

    name: str
    days: int = 0
    clicks: int = 0
    errors: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Verdict:
    """All that was found."""

    accounts: list[AccountVerdict] = field(default_factory=list)
    differences: list[Difference] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def outcome(self) -> VerifyOutcome:
        """A difference that was found outweighs what couldn't be looked at."""
        if self.differences:
            return "different"
        return "incomplete" if any(account.errors for account in self.accounts) else "intact"

    @property
    def exit_code(self) -> int:
        return _EXIT_CODES[self.outcome]

    def as_json(self) -> dict[str, Any]:
        """The form of `verify --json`: programs rely on its names."""
        return {
            "outcome": self.outcome,
            "accounts": [
                {
                    "name": account.name,
                    "days": account.days,
                    "clicks": account.clicks,
                    "differences": self._count(account.name),
                    "error": "\n".join(account.errors) or None,
                }
                for account in self.accounts
            ],
            "differences": [asdict(difference) for difference in self.differences],
            "notes": self.notes,
        }

    def days_to_repair(self, words: Collection[str]) -> list[tuple[str, str]]:
        """The accounts and days of which differences of this kind were found, in order."""
        found = {
            (each.account, each.day)
            for each in self.differences
            if each.account is not None and each.day is not None and each.what in words
        }
        return sorted(found)

    def _count(self, account: str) -> int:
        return sum(difference.account == account for difference in self.differences)
