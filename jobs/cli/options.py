"""Options that several commands share."""

from datetime import timedelta

import click

from archiver.durations import parse_duration


def some_duration(
    ctx: click.Context, param: click.Parameter, value: str | None
) -> timedelta | None:
    """An option's length of time, such as 26h; a text that is none is a usage error."""
    if value is None:
        return None
    try:
        duration = parse_duration(value)
    except ValueError as error:
        raise click.BadParameter(f"{value!r} {error}.", ctx, param) from None
    if not duration:
        raise click.BadParameter(f"{value!r} must be longer than 0s.", ctx, param)
    return duration


accounts_option = click.option(
    "--account",
    "accounts",
    multiple=True,
    metavar="A",
    help="Only this account; may be given several times. Without it, all.",
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
