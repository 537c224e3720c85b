"""`link-archiver daemon`."""

import click

from jobs.cli.context import Context


@click.command()
@click.pass_obj
def command(context: Context) -> int:
    """Stay up, and do `run` on the schedule of the configuration.

    It runs once at its start, for coverage says what is due, and then by [schedule]. TERM and INT
    end it within ten seconds, with exit code 0; nothing is lost. The accounts and passwords are
    read anew at each run, the schedule at the start only.

    \b
    Example:
      link-archiver daemon
    """  # noqa: D301 - click's mark is the character
    import signal

    from jobs.signals import signals_as_exceptions

    with signals_as_exceptions({signal.SIGTERM: 0, signal.SIGINT: 0}):
        _serve(context)
    return 0


def _serve(context: Context) -> None:
    import os
    from functools import partial

    from jobs.cli.archiving import archive_once, unraised
    from jobs.daemon import Daemon, SignsOfLife
    from jobs.lock import wait_and_hold
    from jobs.running import Notices
    from jobs.schedule import schedule_of
    from jobs.systemd import Notifier
    from jobs.turn import system_clock

    context.log_for_years()
    config = context.load()
    # What is wrong with these is said now, not at night.
    context.passwords(config.accounts)
    Notices.of(config, os.environ, context.secrets)
    schedule = schedule_of(config)
    life = SignsOfLife()
    hold = partial(wait_and_hold, meanwhile=life.note)
    run = partial(archive_once, context, hold=hold, observers=[life])
    daemon = Daemon(
        schedule,
        lambda: unraised(run),
        signs_of_life=life,
        clock=system_clock,
        notifier=Notifier(os.environ),
    )
    daemon.serve()
