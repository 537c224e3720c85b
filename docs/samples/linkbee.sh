#!/bin/sh
# Appends the account's hits, with the time, to a file. Linkbee keeps no log of clicks.
set -eu
api=${LINKBEE_API:-http://linkbee.com/api.php}
: "${LINKBEE_USER:?your login}"
: "${LINKBEE_PASS_FILE:?a file with your password and nothing else, no newline either}"

# `pass` is the password's MD5 as raw bytes, percent-encoded; by stdin it stays out of `ps`.
pass=$(md5sum < "$LINKBEE_PASS_FILE" | cut -c 1-32 | sed 's/../%&/g')
answer=$(printf 'data = "task=hits&pass=%s"\n' "$pass" |
  curl --silent --show-error --fail --get --config - --data-urlencode "user=$LINKBEE_USER" "$api")
case $answer in
  *'"error":0'*'}' | *'"error": 0'*'}' | *'"error":"0"'*'}') ;;
  *) echo "no whole answer: check the login and its password" >&2; exit 1 ;;
esac
printf '%s %s\n' "$answer" "$(date -u +%FT%TZ)" >> hits.txt
