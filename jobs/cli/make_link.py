"""`link-archiver make-link`."""

from collections.abc import Callable

import click

from jobs.cli.context import Context

_VALUES = {  # each with what it takes
    "title": ("TEXT", "Its title."),
    "group": ("TEXT", "The group that it is in."),
    "host": ("HOST", "Another host of the account's."),
    "vanity_link": ("NAME", "A name instead of the short id."),
    "description": ("TEXT", "A description."),
    "notes": ("TEXT", "Notes of your own."),
    "expires_at": ("TIME", "When it ends, in the account's time: 2026-12-24 10:35:16."),
    "alert_at": ("NUMBER", "At how many clicks you are told."),
    "deactivate_at": ("NUMBER", "At how many clicks it ends."),
}
_SWITCHES = {
    "has_alert_email": "Whether an e-mail tells you.",
    "is_active": "Whether it works.",
    "is_public": "Whether it is listed publicly.",
    "has_plus_tracking": "Whether a + after it shows its statistics.",
    "has_public_tracking": "Whether everybody may see its statistics.",
    "has_conversion_tracking": "Whether conversions are tracked.",
}
_ADS = ("interstitial", "banner", "none")
_CATEGORIES = (
    *("entertainment", "financial", "games", "news", "politics", "sports", "travel", "other"),
    *("technology", "adult", "file-sharing"),
)


def _service_options(command: Callable[..., int]) -> Callable[..., int]:
    """Add the options of both services; the account's service knows which are its own."""
    options = [
        click.option(f"--{name.replace('_', '-')}", metavar=takes, help=text)
        for name, (takes, text) in _VALUES.items()
    ]
    for name, text in _SWITCHES.items():
        flag = name.replace("_", "-")
        options.append(click.option(f"--{flag}/--no-{flag}", default=None, help=text))
    options += [
        click.option(
            "--password-env",
            metavar="VARIABLE",
            help="Environment variable with the password that visitors need.",
        ),
        click.option("--ad", type=click.Choice(_ADS), help="Linkbee: its advertisement."),
        click.option("--cat", type=click.Choice(_CATEGORIES), help="Linkbee: its category."),
    ]
    for option in reversed(options):  # as decorators, of which the last comes first
        command = option(command)
    return command


@click.command()
@click.argument("url")
@click.option("--account", required=True, metavar="A", help="Whose link it is to be.")
@_service_options
@click.pass_obj
def command(
    context: Context,
    /,
    url: str,
    account: str,
    password_env: str | None,
    **options: str | bool | None,
) -> int:
    """Make a tracking link to URL, print it, and keep it in the archive.

    \b
    Example:
      link-archiver make-link --account acme --title "Spring sale" https://example.com/sale
      link-archiver make-link --account bees --ad banner --cat news https://example.com/
    """  # noqa: D301 - click's mark is the character
    from jobs.accounts import chosen_accounts
    from jobs.make_link import make_link
    from jobs.turn import system_clock

    config = context.load()
    [chosen] = chosen_accounts(config, [account])
    given = {"external_url": url}
    for name, value in options.items():
        if value is not None:
            given[name] = str(int(value)) if isinstance(value, bool) else value
    if password_env is not None:
        given["password"] = context.secret(password_env)
    make_link(config, chosen, context.password(chosen), given, system_clock(), _show_made)
    return 0


def _show_made(link: str) -> None:
    """Print a link. Whoever can't read it from stdout mustn't make it again: it is there."""
    from archiver.errors import StoreError
    from jobs.cli.output import show

    try:
        show(link)
    except StoreError as error:
        raise StoreError(f"made {link}, and kept it (`export links`), but {error}") from None
