#!/bin/sh
# Appends the last day's clicks, 1,000 at most, to a file: one JSON answer a line.
set -eu
api=${LINKTRACK_API:-https://linktrack.info/api/v1_0}
: "${LINKTRACK_LOGIN:?your API login}"
: "${LINKTRACK_PASS_FILE:?a file with your API password and nothing else, no newline either}"

curl --silent --show-error --fail "$api/getLinkHistory" \
  --data-urlencode "login=$LINKTRACK_LOGIN" \
  --data-urlencode "pass@$LINKTRACK_PASS_FILE" \
  --data "format=json&limit=1000" >> history.jsonl
echo >> history.jsonl
