"""`link-archiver check`."""

import click

from jobs.cli.context import Context


@click.command()
@click.pass_obj
def command(context: Context) -> int:
    """Check configuration, secrets, clock, service, storage and pages; say what to do about each.

    A few small requests for each account; nothing is archived. The exit code is 2 where something
    is wrong here, 3 where it is wrong at the service or the disk.

    \b
    Example:
      link-archiver check
    """  # noqa: D301 - click's mark is the character
    from jobs.check import check, exit_code
    from jobs.cli.output import show
    from jobs.turn import system_clock

    findings = []
    for finding in check(context.load(), context.password, system_clock):
        mark = {"well": "ok  ", "odd": "warn"}.get(finding.place, "FAIL")
        show(f"{mark}  {finding.subject}: {finding.text}")
        findings.append(finding)
    return exit_code(findings)
