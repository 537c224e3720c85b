"""The tables `links`, `link_changes` and `totals`: what the service says of its links."""

import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime

from archiver.model import Link, Row, Window
from archiver.timestamps import format_utc, parse_utc
from storage.columns import quoted

#: What `links` holds of a link beside its key, and what of it a change is noted for.
STATE = (
    "link_id",
    "link",
    "destination",
    "title",
    "group",
    "host",
    "created_at",
    "expires_at",
    "is_active",
    "is_public",
    "extra",
)
_CHANGES = ("destination", "title")
_COLUMNS = ", ".join(map(quoted, STATE))


#: The fields of an exported link, and of an exported total, in this order.
LINK_FIELDS = (
    *("account", "service", "id", "link", "destination", "title", "group", "host"),
    *("created_at", "expires_at", "is_active", "is_public", "extra", "first_seen_at", "gone_at"),
)
TOTAL_FIELDS = ("account", "service", "link_id", "link", "observed_at", "clicks", "unique_clicks")


class Links:
    """Reads and writes an account's links and totals. Whoever writes holds a transaction."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def observe(self, account: str, links: Iterable[Link], observed_at: datetime) -> None:
        """Keep links as they are now, what changed of them, and their totals.

        Totals that are kept of that instant already stay as they are.
        """
        for link in links:
            if link.key:
                self._keep(account, link, observed_at)
            if link.clicks is not None:
                self._connection.execute(
                    "INSERT OR IGNORE INTO totals VALUES (?, ?, ?, ?, ?)",
                    (account, format_utc(observed_at), link.key, link.clicks, link.unique_clicks),
                )

    def seen_on_clicks(self, account: str, links: Iterable[Link], seen_at: datetime) -> None:
        """Keep links that clicks were seen on, where they aren't known yet."""
        for link in links:
            known = self._connection.execute(
                "SELECT 1 FROM links WHERE (account, key) = (?, ?)", (account, link.key)
            ).fetchone()
            if not (known or self._adopt(account, link)):
                self._insert(account, link, seen_at)

    def mark_gone(self, account: str, key: str, observed_at: datetime) -> bool:
        """Mark a link that the service doesn't know any more; whether it wasn't marked before."""
        marked = self._connection.execute(
            "UPDATE links SET gone_at = ? WHERE account = ? AND key = ? AND gone_at IS NULL",
            (format_utc(observed_at), account, key),
        ).rowcount
        return marked > 0

    def mark_others_gone(
        self, account: str, there: Iterable[str], observed_at: datetime
    ) -> list[str]:
        """Mark the links that the service doesn't list any more; they stay. Gives their keys."""
        known = {
            key
            for (key,) in self._connection.execute(
                "SELECT key FROM links WHERE account = ? AND gone_at IS NULL", (account,)
            )
        }
        gone = sorted(known.difference(there))
        for key in gone:
            self.mark_gone(account, key, observed_at)
        return gone

    def latest_clicks(self, account: str, now: datetime) -> dict[str, int]:
        """Each link's clicks as last stated, by key; the account's own under the empty one.

        Those of the day that ends with the latest totals, and two hours more: where a reading was
        cut short, the one of the day before is still there. What a clock that was wrong dated
        after `now` doesn't count.
        """
        rows = self._connection.execute(
            "SELECT key, clicks, max(observed_at) FROM totals WHERE account = :account "
            "AND observed_at <= :now AND observed_at >= (SELECT "
            "strftime('%Y-%m-%dT%H:%M:%SZ', max(observed_at), '-26 hours') FROM totals "
            "WHERE account = :account AND observed_at <= :now) GROUP BY key",
            {"account": account, "now": format_utc(now)},
        )
        return {key: clicks for key, clicks, _ in rows}

    def latest_instant(self, account: str, until: datetime) -> datetime | None:
        """When the account's latest totals were observed, `until` then (in)."""
        (found,) = self._connection.execute(
            "SELECT max(observed_at) FROM totals WHERE account = ? AND observed_at <= ?",
            (account, format_utc(until)),
        ).fetchone()
        return parse_utc(found) if found else None

    def made_here(self, account: str) -> list[str]:
        """The links that were made here, the oldest first.

        Only of these the destination is known, where the service tells totals and nothing else.
        """
        rows = self._connection.execute(
            "SELECT link FROM links WHERE account = ? AND link IS NOT NULL "
            "AND destination IS NOT NULL ORDER BY first_seen_at, key",
            (account,),
        )
        return [link for (link,) in rows]

    def keys_without_id(self, account: str) -> list[str]:
        """The keys of the links to which the service gave no id, the oldest first."""
        rows = self._connection.execute(
            "SELECT key FROM links WHERE account = ? AND link_id IS NULL "
            "ORDER BY first_seen_at, key",
            (account,),
        )
        return [key for (key,) in rows]

    def ids_there(self, account: str) -> list[str]:
        """The service's ids of the links that aren't gone from it, as far as is known."""
        rows = self._connection.execute(
            "SELECT link_id FROM links WHERE account = ? AND link_id IS NOT NULL "
            "AND gone_at IS NULL ORDER BY first_seen_at, key",
            (account,),
        )
        return [link_id for (link_id,) in rows]

    def export_links(self, account: str) -> Iterator[Row]:
        """The account's links by key, in LINK_FIELDS."""
        rows = self._connection.execute(
            f"SELECT account, service, {_COLUMNS}, first_seen_at, gone_at FROM links "
            "JOIN accounts ON accounts.name = account WHERE account = ? ORDER BY key",
            (account,),
        )
        for row in rows:
            named = dict(
                zip(("account", "service", *STATE, "first_seen_at", "gone_at"), row, strict=True)
            )
            named |= {name: _boolean(named[name]) for name in ("is_active", "is_public")}
            yield tuple(named[name if name != "id" else "link_id"] for name in LINK_FIELDS)

    def export_totals(self, account: str, window: Window) -> Iterator[Row]:
        """The account's totals by the time they were observed at, then key, in TOTAL_FIELDS."""
        return self._connection.execute(
            "SELECT totals.account, service, link_id, link, observed_at, clicks, unique_clicks "
            "FROM totals JOIN accounts ON accounts.name = totals.account "
            "LEFT JOIN links ON (links.account, links.key) = (totals.account, totals.key) "
            "WHERE totals.account = ? AND observed_at >= ? AND observed_at < ? "
            "ORDER BY observed_at, totals.key",
            (account, format_utc(window.start), format_utc(window.end)),
        )

    def _keep(self, account: str, link: Link, observed_at: datetime) -> None:
        known = self._connection.execute(
            f"SELECT {_COLUMNS} FROM links WHERE account = ? AND key = ?", (account, link.key)
        ).fetchone()
        if known is None and self._adopt(account, link):
            self._keep(account, link, observed_at)
            return
        if known is None:
            self._insert(account, link, observed_at)
            return
        before = dict(zip(STATE, known, strict=True))
        # A service without ids tells a link's hits and nothing else: that is no change.
        describes = link.link_id is not None
        told = {
            name: value
            for name, value in zip(STATE, _state_of(link), strict=True)
            if describes or value is not None
        }
        now = {**before, **told}
        if any(now[name] != before[name] for name in _CHANGES):
            self._note_change(account, link.key, now, observed_at)
        self._connection.execute(
            f"UPDATE links SET ({_COLUMNS}, gone_at) = ({'?, ' * len(STATE)}NULL) "
            "WHERE account = ? AND key = ?",
            (*now.values(), account, link.key),
        )

    def _adopt(self, account: str, link: Link) -> bool:
        """Give a link that was kept by its address, when it was made, the id that it has now."""
        made = self._made_before(account, link)
        if made is None:
            return False
        for table in ("links", "link_changes", "totals"):
            self._connection.execute(
                f"UPDATE {table} SET key = ? WHERE account = ? AND key = ?",
                (link.key, account, made),
            )
        return True

    def _made_before(self, account: str, link: Link) -> str | None:
        """The key of a link without an id that is this one, now that it has an id.

        The host may differ: a service names the one that it was asked at. Then what follows it
        must be the same, and the destination too.
        """
        if link.link_id is None or link.link is None:
            return None
        rows = self._connection.execute(
            "SELECT key, destination FROM links WHERE account = ? AND link_id IS NULL", (account,)
        )
        made: dict[str, str | None] = dict(rows.fetchall())
        if link.link in made:
            return link.link
        alike = [
            key
            for key, destination in made.items()
            if destination == link.destination and _behind_host(key) == _behind_host(link.link)
        ]
        return alike[0] if len(alike) == 1 else None

    def _insert(self, account: str, link: Link, seen_at: datetime) -> None:
        state = _state_of(link)
        inserted = self._connection.execute(
            f"INSERT INTO links (account, key, {_COLUMNS}, first_seen_at) "
            f"VALUES (?, ?, {'?, ' * len(STATE)}?) ON CONFLICT (account, key) DO NOTHING",
            (account, link.key, *state, format_utc(seen_at)),
        ).rowcount
        if inserted:
            now = dict(zip(STATE, state, strict=True))
            self._note_change(account, link.key, now, seen_at)

    def _note_change(
        self, account: str, key: str, state: Mapping[str, object], seen_at: datetime
    ) -> None:
        """Keep a state beside the ones before; a link's first one is its number 1."""
        self._connection.execute(
            "INSERT INTO link_changes SELECT ?, ?, coalesce(max(number), 0) + 1, ?, ?, ? "
            "FROM link_changes WHERE account = ? AND key = ?",
            (account, key, format_utc(seen_at), *(state[name] for name in _CHANGES), account, key),
        )


def _behind_host(link: str) -> str:
    return link.partition("://")[2].partition("/")[2]


def _boolean(value: int | None) -> bool | None:
    return None if value is None else bool(value)


def _state_of(link: Link) -> Sequence[object]:
    return [getattr(link, name) for name in STATE]
