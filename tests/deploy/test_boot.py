"""The units on a machine that has really booted, set up as docs/deploy.md says, word for word."""

import pytest
from deploy.installing import CONFIG, configuration, exported, serve, truth
from deploy.page import blocks
from support.service import PASSWORD

RUN = "link-archiver.service"

#: A mail server that takes one mail, and writes what it was told into a file.
MAIL_SERVER = """
import socket
with socket.create_server(("127.0.0.1", 25)) as server:
    connection, _ = server.accept()
with connection, connection.makefile("rwb", 0) as client, open("/srv/mail", "w") as mail:
    client.write(b"220 ready\\r\\n")
    for line in client:
        mail.write(line.decode())
        if line.lower() == b"data\\r\\n":
            client.write(b"354 go on\\r\\n")
            while line != b".\\r\\n":
                line = next(client)
                mail.write(line.decode())
        client.write(b"250 well\\r\\n")
"""


def test_the_page_leads_to_the_first_archived_day(machine, service) -> None:
    """With the timer: every click, for nobody else to read; and the timer waits for 03:15 UTC."""
    begin, look = blocks("systemd timer")
    machine(begin)
    told = machine(look).out
    assert "03:15:00 UTC" in told
    assert "300 on 20 links" in told
    assert "gaps      none" in told
    assert exported(machine) == truth(service)
    stat = "stat --dereference --format='%A %U' /var/lib/link-archiver"
    folder, database = machine(f"{stat} /var/lib/link-archiver/archive.db").out.splitlines()
    assert folder.split()[0] == "drwxr-x---"
    assert database.split()[0] == "-rw-r-----"
    assert "root" not in folder + database
    assert PASSWORD not in machine(f"journalctl; systemctl show {RUN}; cat {CONFIG}").out


def test_a_run_that_is_well_says_nothing(machine) -> None:
    """All that the journal gets from a second run is systemd's own."""
    since = machine.cursor()
    machine(f"systemctl start {RUN}")
    assert machine.heard(since, "--identifier=link-archiver") == ""
    assert "Finished" in machine.heard(since, f"--unit={RUN}")


def test_what_root_reads_itself_stands_in_no_runs_way(machine) -> None:
    """The program run by root, on an archive of another user's, leaves that user's files."""
    machine(f"/opt/link-archiver/bin/link-archiver --config {CONFIG} status")
    machine(f"systemctl start {RUN}")
    assert "root" not in machine("stat --format=%U /var/lib/link-archiver/*").out


def test_a_machine_that_was_off_makes_up_for_it(machine) -> None:
    """When the timer starts, and its last time went by unseen, the run begins at once."""
    machine("systemctl stop link-archiver.timer")
    before = machine.shows(RUN, "InvocationID")
    machine("touch --date='3 days ago' /var/lib/systemd/timers/stamp-link-archiver.timer")
    machine("systemctl start link-archiver.timer")
    machine.wait_until(f"systemctl show --property=InvocationID {RUN} | grep -qv {before or '^$'}")
    machine.wait_until(f"systemctl show --property=ActiveState {RUN} | grep -q =inactive")
    assert machine.shows(RUN, "Result") == "success"


@pytest.mark.parametrize(
    ("breaks", "mends", "status"),
    [
        ("systemctl stop service", "", "3"),
        (f"echo wrong=1 >>{CONFIG}", f"cp /mnt/config.toml {CONFIG}", "2"),
        (
            "mv /etc/link-archiver/passwords /etc/link-archiver/moved",
            "mv /etc/link-archiver/moved /etc/link-archiver/passwords",
            "243",
        ),
    ],
    ids=["unreachable", "wrong", "without-passwords"],
)
def test_somebody_hears_of_a_run_that_failed(machine, breaks, mends, status) -> None:
    """A critical line in the journal names the unit, its exit code and where to look."""
    since = machine.cursor()
    machine(breaks)
    try:
        machine(f"systemctl start {RUN}", code=1)
        machine.wait_to_hear(since, "--priority=crit")
        [line] = machine.heard(since, "--priority=crit").splitlines()
        assert line.startswith(f"{RUN} failed on archiver-")
        assert line.endswith(f": exit-code {status}. Look at: journalctl --unit={RUN}")
        assert PASSWORD not in machine.heard(since)
    finally:
        machine(mends)
        if status == "3":
            serve(machine)
        machine(f"systemctl reset-failed {RUN}")


def test_root_hears_of_it_by_mail(machine) -> None:
    """With the mark of the comment taken off, the notice is mailed as well."""
    unit = machine("cat /etc/systemd/system/link-archiver-failed@.service").out
    assert unit.count("\n#ExecStart=") == 1
    mailing = unit.replace("\n#ExecStart=", "\nExecStart=")
    machine.write("/run/systemd/system.control/link-archiver-failed@.service", mailing)
    machine.write("/srv/mail_server.py", MAIL_SERVER)
    machine("systemctl daemon-reload; systemd-run --quiet python3 /srv/mail_server.py")
    machine.wait_until("grep -q :0019 /proc/net/tcp")
    try:
        machine("systemctl start link-archiver-failed@test.service")
        mail = machine("cat /srv/mail").out
    finally:
        machine("rm /run/systemd/system.control/link-archiver-failed@.service")
        machine("systemctl daemon-reload")
    assert "rcpt TO:<root>" in mail
    assert "Subject: test failed on archiver-" in mail
    assert "Look at: journalctl --unit=test" in mail


def test_a_held_archive_is_no_failure(machine) -> None:
    """Another run is at work: the unit succeeds, and nobody is told that it failed."""
    since = machine.cursor()
    holding = "flock --no-fork /var/lib/link-archiver/archive.lock sleep infinity"
    machine(f"systemd-run --quiet --unit=holding {holding}")
    machine.wait_until("! flock --nonblock /var/lib/link-archiver/archive.lock true")
    try:
        machine(f"systemctl start {RUN}")
        assert machine.shows(RUN, "ExecMainStatus") == "75"
        assert "is held" in machine.heard(since, f"--unit={RUN}")
        assert machine.heard(since, "--priority=crit") == ""
    finally:
        machine("systemctl stop holding")


def test_earlier_clicks(machine) -> None:
    """The page's backfill goes through the command that it installs, with its exit code."""
    [backfill] = blocks("Earlier clicks")
    machine(backfill)
    assert "2026-01-01" in machine("link-archiver status").out
    machine("link-archiver backfill --from never", code=2)


def test_a_copy_is_an_archive(machine, service) -> None:
    """The page's copy holds what the archive holds, and belongs to nobody else."""
    machine(f"systemctl start {RUN}")
    [copy] = blocks("Copies")
    machine(copy)
    there = configuration().replace("/var/lib/link-archiver", "/var/backups/link-archiver")
    machine.write("/srv/copy.toml", there)
    command = "/opt/link-archiver/bin/link-archiver --config /srv/copy.toml export clicks"
    assert exported(machine, command) == truth(service)
    assert machine("stat --format=%a /var/backups/link-archiver").out in {"700\n", "750\n"}


def test_pages_are_for_others_to_read(machine) -> None:
    """In the folder that the page makes, the run writes what any user can read."""
    [make] = blocks("Pages and metrics")
    machine(make)
    page = '\n[[pages]]\naccount = "acme"\noutput = "/var/www/links/contest.html"\n'
    machine.write(CONFIG, configuration() + page)
    try:
        machine(f"systemctl start {RUN}")
        shown = machine("cat /var/www/links/contest.html", user=stranger(65534)).out
    finally:
        machine.write(CONFIG, configuration())
    assert "<html" in shown


def test_an_upgrade_keeps_the_archive(machine, service) -> None:
    """The page's commands, given again, leave a program that works on the same archive."""
    [upgrade] = blocks("Upgrade")
    machine(f"cd /checkout; {upgrade}")
    machine(f"systemctl start {RUN}")
    assert exported(machine) == truth(service)


def test_without_root(machine, service) -> None:
    """The page's user units archive the first day for a user who may do nothing else."""
    home = "/home/alice"
    machine.write("/etc/login.defs", "")
    machine.write("/etc/pam.d/systemd-user", "account required pam_permit.so\n"
                  "session required pam_systemd.so\n")  # fmt: skip
    machine(f"useradd --uid 1000 --create-home --home-dir {home} alice")
    alice = stranger(1000, home)
    install = (
        "umask 077; mkdir -p .local .config/link-archiver; ln -s /opt/link-archiver .local;"
        f"printf '%s' '{PASSWORD}' >.config/link-archiver/acme.pass"
    )
    machine(f"cd {home}; {install}", user=alice)
    mine = configuration().replace(
        'password_credential = "password_acme"', 'password_file = "acme.pass"'
    )
    machine.write(
        f"{home}/.config/link-archiver/config.toml",
        mine.replace('"/var/lib/link-archiver"', '"archive"'),
    )
    make, linger, look = blocks("systemd, without root")
    machine(f"{linger.strip()} alice")
    machine.wait_until("systemctl is-active --quiet user@1000.service")
    machine(f"cd /checkout; {make}", user=alice)
    told = machine(f"cd /checkout; {look}", user=alice).out
    assert "03:15:00 UTC" in told
    assert "300 on 20 links" in told
    command = f"cd {home}; .local/link-archiver/bin/link-archiver export clicks"
    assert exported(machine, command.replace("bin/link-archiver", "bin/link-archiver --config "
                    ".config/link-archiver/config.toml")) == truth(service)  # fmt: skip


def stranger(uid: int, home: str = "/") -> list[str]:
    """The words before a command that make it a user's."""
    become = ["setpriv", f"--reuid={uid}", f"--regid={uid}", "--clear-groups"]
    return [*become, "env", f"HOME={home}", f"XDG_RUNTIME_DIR=/run/user/{uid}"]


def test_pings_go_where_the_environment_file_says(machine) -> None:
    """The address is a secret in a file that only root reads; the run gets it from there."""
    machine.write(
        "/etc/link-archiver/environment", "HEALTHCHECK_URL=http://127.0.0.1:8080/check\n"
    )
    machine("chmod 600 /etc/link-archiver/environment")
    notify = '\n[notify]\nhealthcheck_url_env = "HEALTHCHECK_URL"\n'
    machine.write(CONFIG, configuration() + notify)
    since = machine.cursor()
    try:
        machine(f"systemctl start {RUN}")
        heard = machine.heard(since, "--unit=service")
    finally:
        machine.write(CONFIG, configuration())
        machine("rm /etc/link-archiver/environment")
    assert "POST /check/start " in heard
    assert "POST /check " in heard


def test_roots_crontab_hears_of_a_stale_archive(machine) -> None:
    """The page's line prints nothing after a run; once that is too long ago, it says so."""
    [line] = blocks("Hearing of failures", "cron")
    command = line.partition("  ")[2]
    cron = ["env", "--ignore-environment", "HOME=/root", "PATH=/usr/bin:/bin", "SHELL=/bin/sh"]
    machine(f"systemctl start {RUN}")
    told = machine(command, user=cron)
    assert (told.out, told.err) == ("", "")
    told = machine("sleep 2; " + command.replace("26h", "1s"), code=3, user=cron)
    assert told.out == ""
    assert "acme" in told.err
