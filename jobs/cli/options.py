"""Options that several commands share."""

import click

accounts_option = click.option(
    "--account",
    "accounts",
    multiple=True,
    metavar="A",
    help="Only this account; may be given several times. Without it, all.",
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
