#!/bin/sh
# Any command of link-archiver, for root, as the units run it: with the passwords, and as the user
# that the archive belongs to. What root writes there itself, that user couldn't write to again.
# Installed as /usr/local/sbin/link-archiver. On a terminal it shows progress, as ever.
#
# The system is read-only for it, as for the units: write `export clicks > FILE`, not --output.
set -eu

# As ExecStart= in the units.
set -- /opt/link-archiver/bin/link-archiver --config /etc/link-archiver/config.toml "$@"
# As the settings of the same names in the units, which say why.
for setting in \
    LoadCredential=password:/etc/link-archiver/passwords \
    EnvironmentFile=-/etc/link-archiver/environment \
    DynamicUser=yes \
    User=link-archiver \
    StateDirectory=link-archiver \
    StateDirectoryMode=0750 \
    UMask=0027 \
    ProtectHome=yes \
    LimitCORE=0
do
    set -- "--property=$setting" "$@"
done
# It waits and ends with the command's exit code; pipes where there are pipes, else the terminal.
exec systemd-run --quiet --collect --wait --pipe --pty "$@"
