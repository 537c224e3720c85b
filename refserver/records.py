"""What can be recorded: links and clicks as those who make them give them."""

from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple


@dataclass(frozen=True, slots=True, kw_only=True)
class NewLink:
    """A link to be recorded. Empty texts and zeros are no values.

    Without a `host` of its own it shows the request's. `expires_at` is a text in account time.
    `deactivate_at` and `alert_at` are counts of clicks.
    """

    external_url: str
    host: str = ""
    title: str = ""
    vanity_link: str = ""
    description: str = ""
    notes: str = ""
    group: str = ""
    password: str = ""
    created_at: datetime | None = None
    expires_at: str = ""
    alert_at: int = 0
    deactivate_at: int = 0
    has_alert_email: bool = False
    has_plus_tracking: bool = False
    has_public_tracking: bool = False
    has_conversion_tracking: bool = False
    is_active: bool = True
    is_public: bool = False


class NewClick(NamedTuple):
    """A click to be recorded. Empty texts are no values."""

    link_id: int
    clicked_at: datetime
    ip: str = ""
    country: str = ""
    referrer: str = ""
    user_agent: str = ""
    is_unique: bool = True
    conversion: str = ""
