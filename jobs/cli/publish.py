"""`link-archiver publish`."""

import logging

import click

from jobs.cli.context import Context


@click.command()
@click.pass_obj
def command(context: Context) -> int:
    """Write the pages of [[pages]] anew, from what is archived.

    Each is an HTML file, with a JSON file of the same name beside it. The service isn't asked:
    every run publishes by itself, after its totals; this is for when a page's title, template or
    choice of links was changed.

    \b
    Example:
      link-archiver publish
    """  # noqa: D301 - click's mark is the character
    from jobs.cli.output import show
    from jobs.logs import tell
    from jobs.publish import publish, told
    from jobs.summary import counted
    from jobs.turn import system_clock

    config = context.load()
    if not config.pages:
        tell(logging.WARNING, f"{config.path} has no [[pages]]: there is nothing to publish")
    codes = []
    for published in publish(
        config, [account.name for account in config.accounts], system_clock()
    ):
        if published.error is None:
            show(f"{published.page.output}: {counted(published.links, 'link')}")
            if published.warning:
                warning = told(published.page, published.warning)
                tell(logging.WARNING, f"warning: {warning}")
        else:
            for line in told(published.page, published.error).splitlines():
                tell(logging.ERROR, line)
            codes.append(published.error.exit_code)
    return min(codes, default=0)
