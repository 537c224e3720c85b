"""`backfill`: archive a stated period; it resumes where it stopped, since coverage says where."""

from dataclasses import dataclass
from datetime import datetime

from archiver.config_account import Account
from archiver.errors import ConfigError
from archiver.model import Window
from archiver.plan import Plan, plan_backfill, plan_end
from archiver.timestamps import format_utc, parse_instant
from archiver.windows import clip
from jobs.sources import local_times
from jobs.turn import Turn

#: Of the first page of the web.
_FIRST_YEAR = 1991


@dataclass(frozen=True, slots=True)
class Backfill:
    """A period as typed: an offset makes it exact, else it is in each account's own zone."""

    start: str
    end: str | None  # out; None is now
    again: bool = False

    def period(self, account: Account, now: datetime) -> Window:
        """The period for one account. Raises ConfigError where it isn't one."""
        start = _instant("--from", self.start, account)
        end = (
            now.replace(microsecond=0) if self.end is None else _instant("--to", self.end, account)
        )
        if start.year < _FIRST_YEAR:
            raise ConfigError(
                f"--from {self.start}: no service had links before {_FIRST_YEAR}, and what is "
                "covered once isn't fetched again. Is it mistyped?"
            )
        if start >= end and self.end is None:
            raise ConfigError(f"--from {self.start} hasn't come yet")
        if start >= end:
            raise ConfigError(
                f"--to {self.end} isn't after --from {self.start}; --to is out, so that "
                "a day is --from 2026-11-19 --to 2026-11-20"
            )
        return Window(start, end)

    def plan(self, turn: Turn) -> Plan:
        """What isn't covered of the period, or all of it again; nothing that hasn't settled."""
        account, ledger = turn.account, turn.archive.ledger
        period = self.period(account, turn.now)
        end = plan_end(turn.now, account.settle, local_times(account))
        turn.cut_back(end)
        if self.end is not None and end < period.end:
            turn.report.warnings.append(
                f"--to {self.end} is later than what has settled: archived up to {format_utc(end)}"
            )
        lookback_from = turn.archive.settings.lookback_from(account.name)
        if self.again and lookback_from and period.start < lookback_from:
            turn.report.warnings.append(
                f"what is archived before {format_utc(lookback_from)} isn't fetched again: its "
                "clicks can't be compared with today's, for ids or ip changed then"
            )
        settled = clip(period.start, min(period.end, end))
        return plan_backfill(
            settled,
            ledger.coverage(account.name),
            again=self.again,
            lookback_from=lookback_from,
        )


def _instant(option: str, text: str, account: Account) -> datetime:
    try:
        return parse_instant(text, account.timezone)
    except ValueError as error:
        raise ConfigError(f"{option}: {error}") from None
