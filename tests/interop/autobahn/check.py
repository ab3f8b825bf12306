"""Plays Autobahn's cases against `switchboard up` and judges them. See README.md."""

import asyncio
import fnmatch
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

from kosoku import FailureError, run_fuzzingclient

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[2]
SWITCHBOARD = os.environ.get("SWITCHBOARD", str(ROOT / "target/debug/switchboard"))
# All of Autobahn 25.10.1: fewer would say that some were not played.
CASES = 517
PASSES = ("OK", "NON-STRICT", "INFORMATIONAL")
# Seconds; the slowest case takes six.
PATIENCE = 300


class Stack:
    """`switchboard up` with the echo fixture, on free ports."""

    def __enter__(self):
        template = ROOT / "tests/fixtures/echo.yaml"
        arguments = ["up", "--json", "--logs", "none", "--port", "0", "--aws-port", "0", "--template", template]
        self.process = subprocess.Popen([SWITCHBOARD, *arguments], cwd=ROOT, stdout=subprocess.PIPE, text=True)
        line = self.process.stdout.readline()
        if not line:
            sys.exit(f"{SWITCHBOARD} did not come up: status {self.process.wait()}")
        return json.loads(line)["websocket"]

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGTERM)
        status = self.process.wait(timeout=30)
        if status != 0:
            sys.exit(f"{SWITCHBOARD} ended with status {status}")


async def play(url):
    """The results of all cases. kosoku raises when any failed, with all results."""
    try:
        return await asyncio.wait_for(run_fuzzingclient(url, concurrency=4), PATIENCE)
    except FailureError as failure:
        return failure.results


def difference(differences, case):
    """The entry of the list that a case is in, or none."""
    for entry in differences:
        if any(fnmatch.fnmatchcase(case, pattern) for pattern in entry["cases"]):
            return entry
    return None


def complaint(result, entry):
    """What is wrong with a case's result, or none."""
    behavior, closed = result.behavior.value, result.behavior_close.value
    seen = f"{behavior}, close {closed} {result.remote_close_code}: {result.result} {result.result_close}"
    if entry is None:
        passed = behavior in PASSES and closed in PASSES
        return None if passed else f"failed: {seen}"
    if "close" in entry:
        as_listed = behavior == "FAILED" and result.remote_close_code == entry["close"]
    else:
        as_listed = behavior == entry["behavior"]
    wanted = entry.get("close", entry.get("behavior"))
    return None if as_listed else f"should end with {wanted} ({entry['why']}), and: {seen}"


def main():
    differences = json.loads((HERE / "differences.json").read_text())
    with Stack() as url:
        results = asyncio.run(play(url))
    complaints, listed = [], 0
    for result in results:
        entry = difference(differences, result.case_id)
        listed += entry is not None
        if wrong := complaint(result, entry):
            complaints.append(f"case {result.case_id} {wrong}")
    if len(results) != CASES:
        complaints.append(f"{len(results)} cases were played, not {CASES}")
    for line in complaints:
        print(line)
    print(f"{len(results)} cases: {len(results) - listed} as Autobahn wants, {listed} as API Gateway does")
    if complaints:
        sys.exit(f"{len(complaints)} complaints")


main()
