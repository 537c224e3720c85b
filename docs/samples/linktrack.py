"""Appends the last day's clicks, 1,000 at most, to a file: one click a line."""

import json
import os
import sys

import requests

api = os.environ.get("LINKTRACK_API", "https://linktrack.info/api/v1_0")
with open(os.environ["LINKTRACK_PASS_FILE"], encoding="utf-8") as file:
    asked = {"login": os.environ["LINKTRACK_LOGIN"], "pass": file.read(), "format": "json"}
try:  # the password isn't sent along to wherever a redirect leads
    answer = requests.post(f"{api}/getLinkHistory", asked, timeout=60, allow_redirects=False)
    document = answer.json()
except requests.RequestException as error:
    sys.exit(f"no whole answer: {type(error).__name__}")
if answer.status_code != 200 or str(document["error"]) != "0":
    sys.exit(f"the service refuses (HTTP {answer.status_code}): check the login and its password")
with open("history.jsonl", "a", encoding="utf-8") as history:
    history.writelines(json.dumps(click) + "\n" for click in document["history"])
