"""Appends the last day's clicks, 1,000 at most, to a file: one click a line."""

import json
import os

import requests

api = os.environ.get("LINKTRACK_API", "https://linktrack.info/api/v1_0")
with open(os.environ["LINKTRACK_PASS_FILE"], encoding="utf-8") as file:
    asked = {"login": os.environ["LINKTRACK_LOGIN"], "pass": file.read(), "format": "json"}
answer = requests.post(f"{api}/getLinkHistory", data=asked, timeout=60)
answer.raise_for_status()
with open("history.jsonl", "a", encoding="utf-8") as history:
    history.writelines(json.dumps(click) + "\n" for click in answer.json()["history"])
