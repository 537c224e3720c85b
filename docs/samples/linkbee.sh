#!/bin/sh
# Appends the account's hits, with the time, to a file. Linkbee keeps no log of clicks.
set -eu
api=${LINKBEE_API:-http://linkbee.com/api.php}
: "${LINKBEE_USER:?your login}"
: "${LINKBEE_PASS_FILE:?a file with your password and nothing else, no newline either}"

# `pass` is the password's MD5 as raw bytes, percent-encoded; by stdin it stays out of `ps`.
pass=$(md5sum < "$LINKBEE_PASS_FILE" | cut -c 1-32 | sed 's/../%&/g')
printf 'url = "%s?task=hits&user=%s&pass=%s"\n' "$api" "$LINKBEE_USER" "$pass" |
  curl --silent --show-error --fail --config - --write-out " $(date -u +%FT%TZ)\n" >> hits.txt
