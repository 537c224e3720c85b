"""The tables of the ledger in `archive.db`, as migrations: to be read in `sqlite3` or Datasette.

Times are UTC text, `2026-11-19T08:15:30Z`; windows are `[start, end)`.
"""

from sqlite_utils import Database, Migrations

from archiver.identity import FACT_FIELDS
from storage.columns import columns

ledger = Migrations("ledger")


@ledger()
def create_ledger(db: Database) -> None:
    """What is archived, when, and under which settings; for both stores."""
    db.execute("CREATE TABLE archive (store TEXT NOT NULL)")
    db.execute(
        """
        CREATE TABLE accounts (
            name TEXT PRIMARY KEY,
            service TEXT NOT NULL,
            timezone TEXT NOT NULL,
            fields TEXT NOT NULL, -- JSON: other names of a click's fields
            ip TEXT NOT NULL,
            first_run_at TEXT, -- what is wanted begins a day before, unless the account says since
            looked_back_to TEXT, -- coverage's end at the last run whose lookback was whole
            lookback_from TEXT -- nothing before is looked back at
        ) WITHOUT ROWID
        """
    )
    db.execute(
        """
        CREATE TABLE coverage (
            account TEXT NOT NULL,
            start TEXT NOT NULL,
            "end" TEXT NOT NULL,
            PRIMARY KEY (account, start),
            CHECK (start < "end")
        ) WITHOUT ROWID
        """
    )
    db.execute(
        """
        CREATE TABLE days (
            account TEXT NOT NULL,
            day TEXT NOT NULL,
            clicks INTEGER NOT NULL,
            digest TEXT NOT NULL, -- the sum of a hash of each click: whatever their order
            first_click TEXT NOT NULL,
            last_click TEXT NOT NULL,
            PRIMARY KEY (account, day)
        ) WITHOUT ROWID
        """
    )
    db.execute(
        """
        CREATE TABLE links (
            account TEXT NOT NULL,
            key TEXT NOT NULL, -- the service's id, or the link where there is none
            link_id TEXT,
            link TEXT,
            destination TEXT,
            title TEXT,
            "group" TEXT,
            host TEXT,
            created_at TEXT, -- the service's own text
            expires_at TEXT,
            is_active INTEGER,
            is_public INTEGER,
            extra TEXT, -- JSON: all else that the service says of it
            first_seen_at TEXT NOT NULL, -- by this archive
            gone_at TEXT, -- when it was first seen to be gone from the service
            PRIMARY KEY (account, key)
        ) WITHOUT ROWID
        """
    )
    db.execute(
        """
        CREATE TABLE link_changes (
            account TEXT NOT NULL,
            key TEXT NOT NULL,
            number INTEGER NOT NULL, -- 1 is what was seen first; `links` has the latest state
            seen_at TEXT NOT NULL, -- when the new state was first seen
            destination TEXT,
            title TEXT,
            PRIMARY KEY (account, key, number)
        ) WITHOUT ROWID
        """
    )
    db.execute(
        """
        CREATE TABLE totals (
            account TEXT NOT NULL,
            key TEXT NOT NULL, -- of the link; empty for the account's own total
            observed_at TEXT NOT NULL,
            clicks INTEGER NOT NULL,
            unique_clicks INTEGER,
            PRIMARY KEY (account, key, observed_at)
        ) WITHOUT ROWID
        """
    )
    db.execute(
        """
        CREATE TABLE runs (
            id INTEGER PRIMARY KEY,
            account TEXT NOT NULL,
            command TEXT NOT NULL,
            started_at TEXT NOT NULL,
            finished_at TEXT, -- none: under way, or ended from outside
            outcome TEXT,
            fetched INTEGER,
            new INTEGER,
            duplicates INTEGER,
            windows INTEGER,
            error TEXT
        )
        """
    )
    db.execute("CREATE INDEX runs_of_account ON runs (account, id)")
    db.execute(
        f"""
        CREATE TABLE click_revisions (
            account TEXT NOT NULL,
            clicked_at TEXT NOT NULL,
            key TEXT NOT NULL,
            number INTEGER NOT NULL, -- of the click's revision; the last one counts
            seen_at TEXT NOT NULL,
            {columns(FACT_FIELDS, frozenset())},
            PRIMARY KEY (account, clicked_at, key, number)
        ) WITHOUT ROWID
        """
    )
    db.execute(
        """
        CREATE TABLE files (
            path TEXT PRIMARY KEY, -- from the archive's directory on
            bytes INTEGER NOT NULL -- committed; what lies beyond was never whole
        ) WITHOUT ROWID
        """
    )


@ledger()
def order_totals_by_time(db: Database) -> None:
    """A page shows few instants of all links; by link first, all instants had to be read."""
    db.execute("ALTER TABLE totals RENAME TO totals_by_link")
    db.execute(
        """
        CREATE TABLE totals (
            account TEXT NOT NULL,
            observed_at TEXT NOT NULL,
            key TEXT NOT NULL, -- of the link; empty for the account's own total
            clicks INTEGER NOT NULL,
            unique_clicks INTEGER,
            PRIMARY KEY (account, observed_at, key)
        ) WITHOUT ROWID
        """
    )
    db.execute(
        "INSERT INTO totals SELECT account, observed_at, key, clicks, unique_clicks "
        "FROM totals_by_link ORDER BY account, observed_at, key"
    )
    db.execute("DROP TABLE totals_by_link")
    # Few links have no id yet: those that were made here and not listed since.
    db.execute("CREATE INDEX links_without_id ON links (account, key) WHERE link_id IS NULL")


@ledger()
def name_runs(db: Database) -> None:
    """The id in log lines and pings: the same for all accounts of one execution."""
    db.execute("ALTER TABLE runs ADD COLUMN run TEXT")


@ledger()
def count_what_runs_tell(db: Database) -> None:
    """For metrics of accounts that a run didn't take part in, or whose run was ended."""
    for column in ("totals", "warnings", "errors"):
        db.execute(f"ALTER TABLE runs ADD COLUMN {column} INTEGER")


@ledger()
def create_vanished_clicks(db: Database) -> None:
    """What the service lost, and this archive has."""
    db.execute(
        """
        CREATE TABLE vanished_clicks (
            account TEXT NOT NULL,
            day TEXT NOT NULL,
            key TEXT NOT NULL, -- of an archived click that the service doesn't give any more
            seen_at TEXT NOT NULL, -- when it was first missed
            PRIMARY KEY (account, day, key)
        ) WITHOUT ROWID
        """
    )


@ledger()
def create_rejected(db: Database) -> None:
    """Records that can't be understood; and which key addresses are hashed with."""
    db.execute(
        """
        CREATE TABLE rejected (
            account TEXT NOT NULL,
            key TEXT NOT NULL, -- id:<hash of the record>, or <UTC day>:<hash of the record>
            number INTEGER NOT NULL, -- among those alike
            start TEXT NOT NULL, -- of the slice that it came in
            "end" TEXT NOT NULL,
            reason TEXT NOT NULL,
            text TEXT NOT NULL, -- JSON: the record, its address as the account's ip says
            first_seen_at TEXT NOT NULL,
            reported_at TEXT, -- none: no run has said yet that it is there
            PRIMARY KEY (account, key, number)
        ) WITHOUT ROWID
        """
    )
    db.execute("CREATE INDEX rejected_unreported ON rejected (account) WHERE reported_at IS NULL")
    db.execute(
        """
        CREATE TABLE ip_key (
            fingerprint TEXT NOT NULL -- of the file ip.key, from before its first use
        )
        """
    )


@ledger()
def create_replacements(db: Database) -> None:
    """Files that are being replaced: see storage/replacing.py. Mostly empty."""
    db.execute(
        """
        CREATE TABLE replacements (
            path TEXT PRIMARY KEY, -- from the archive's directory on
            bytes INTEGER NOT NULL, -- of the new file
            hash TEXT NOT NULL -- of the new file
        ) WITHOUT ROWID
        """
    )


@ledger()
def keep_what_is_untold(db: Database) -> None:
    """A run that is ended tells nothing of what it found: the next one does."""
    db.execute("ALTER TABLE vanished_clicks ADD COLUMN reported_at TEXT")
    db.execute("UPDATE vanished_clicks SET reported_at = seen_at")
    db.execute(
        "CREATE INDEX vanished_unreported ON vanished_clicks (account) WHERE reported_at IS NULL"
    )
    # JSON: what was covered when all was told, once more is archived.
    db.execute("ALTER TABLE accounts ADD COLUMN coverage_told TEXT")
    db.execute(
        """
        CREATE TABLE untold_falls (
            account TEXT NOT NULL,
            key TEXT NOT NULL, -- of a link whose total went down
            was INTEGER NOT NULL,
            now INTEGER, -- none: it isn't listed any more
            PRIMARY KEY (account, key)
        ) WITHOUT ROWID
        """
    )


@ledger()
def create_asked_links(db: Database) -> None:
    """What `make-link` asked for, until its answer is known: mostly empty."""
    db.execute(
        """
        CREATE TABLE asked_links (
            account TEXT NOT NULL,
            destination TEXT NOT NULL,
            asked_at TEXT NOT NULL,
            PRIMARY KEY (account, destination, asked_at)
        ) WITHOUT ROWID
        """
    )
