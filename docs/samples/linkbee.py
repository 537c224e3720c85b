"""Appends the account's hits, with the time, to a file. Linkbee keeps no log of clicks."""

import hashlib
import os
import sys
from datetime import UTC, datetime
from urllib.parse import quote

import requests

api = os.environ.get("LINKBEE_API", "http://linkbee.com/api.php")
user = quote(os.environ["LINKBEE_USER"], safe="")
with open(os.environ["LINKBEE_PASS_FILE"], "rb") as file:
    digest = quote(hashlib.md5(file.read()).digest(), safe="")  # raw bytes, never hexadecimal
url = f"{api}?task=hits&user={user}&pass={digest}"
try:  # an error's own words would show the URL, and so the digest
    answer = requests.get(url, timeout=60, allow_redirects=False)
    document = answer.json()
except requests.RequestException as error:
    sys.exit(f"no whole answer: {type(error).__name__}")
if answer.status_code != 200 or str(document["error"]) != "0":
    sys.exit(f"the service refuses (HTTP {answer.status_code}): check the login and its password")
with open("hits.txt", "a", encoding="utf-8") as history:
    now = datetime.now(UTC).isoformat(timespec="seconds")
    history.write(f"{answer.text.strip()} {now}\n")
