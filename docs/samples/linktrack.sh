#!/bin/sh
# Appends the last day's clicks, 1,000 at most, to a file: one JSON answer a line.
set -eu
api=${LINKTRACK_API:-https://linktrack.info/api/v1_0}
: "${LINKTRACK_LOGIN:?your API login}"
: "${LINKTRACK_PASS_FILE:?a file with your API password and nothing else, no newline either}"
answer=$(mktemp)
trap 'rm -f "$answer"' EXIT

status=$(curl --silent --show-error --fail "$api/getLinkHistory" \
  --data-urlencode "login=$LINKTRACK_LOGIN" \
  --data-urlencode "pass@$LINKTRACK_PASS_FILE" \
  --data "format=json&limit=1000" --output "$answer" --write-out '%{http_code}')
echo >> "$answer"
# Only a whole answer is appended: one that is no error, and ends as it should.
if [ "$status" != 200 ] || ! grep -q '"error": *"*0' "$answer" || ! grep -q ']}$' "$answer"; then
  echo "no whole answer (HTTP $status): check the login and its password" >&2
  exit 1
fi
cat "$answer" >> history.jsonl
