"""The table of the SQLite store's clicks in `archive.db`, and views of them, as migrations."""

from sqlite_utils import Database, Migrations

from archiver.model import CLICK_FIELDS
from storage.columns import columns

clicks = Migrations("clicks")


@clicks()
def create_clicks(db: Database) -> None:
    """The clicks of the SQLite store.

    The key begins with account and time, the order in which clicks arrive: with a random key
    each click stored would make the next one slower.
    """
    required = frozenset({"account", "service", "clicked_at", "clicked_at_source"})
    db.execute(
        f"""
        CREATE TABLE clicks (
            {columns(CLICK_FIELDS, required)},
            key TEXT NOT NULL, -- id:…, or event:<hash>:<number among the alike>
            PRIMARY KEY (account, clicked_at, key)
        ) WITHOUT ROWID
        """
    )
    for view, column in (
        ("clicks_per_day", "substr(clicked_at, 1, 10) AS day"),
        ("clicks_per_link", "link_id, link"),
        ("clicks_per_country", "country"),
        ("clicks_per_referrer", "referrer"),
    ):
        names = column.rpartition(" AS ")[2]
        db.execute(
            f"CREATE VIEW {view} AS SELECT account, {column}, count(*) AS clicks, "
            f"sum(is_unique) AS unique_clicks FROM clicks GROUP BY account, {names}"
        )
