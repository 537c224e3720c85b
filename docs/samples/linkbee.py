"""Appends the account's hits, with the time, to a file. Linkbee keeps no log of clicks."""

import hashlib
import os
from datetime import UTC, datetime
from urllib.parse import quote

import requests

api = os.environ.get("LINKBEE_API", "http://linkbee.com/api.php")
with open(os.environ["LINKBEE_PASS_FILE"], "rb") as file:
    digest = quote(hashlib.md5(file.read()).digest(), safe="")  # raw bytes, never hexadecimal
answer = requests.get(
    f"{api}?task=hits&user={os.environ['LINKBEE_USER']}&pass={digest}", timeout=60
)
with open("hits.txt", "a", encoding="utf-8") as history:
    now = datetime.now(UTC).isoformat(timespec="seconds")
    history.write(f"{answer.text.strip()} {now}\n")
