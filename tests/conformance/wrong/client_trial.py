"""Tries wrong clients: each plays the cases that must find it, and nothing else."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import IO

from tests.change import SRC
from tests.conformance.wrong.mutation import Mutation
from tests.conformance.wrong.trial import Finding, Trial, finding_of

AGENT_GATE = Path(sys.executable).with_name("agent-gate")

CASE_S = 60.0
"""How long a case may take, start and end included; a slow one may take longer."""

SLOW_S = 180.0

GONE_S = 30.0
"""How long after a client has ended a case may still wait for it."""

FRAMING = ("connecting", "taken over")
"""Rows around all others: played whatever is chosen."""

ANY_CASE = "answers in any order"


def try_client(mutation: Mutation) -> Trial:
    """Play the cases that must find it with the client that has it, one after the other."""
    began = time.monotonic()
    findings = tuple(played(mutation, case) for case in mutation.found_by)
    return Trial(mutation, findings, time.monotonic() - began)


def played(mutation: Mutation, case: str) -> Finding:
    """Play one case; return what it says."""
    chosen = ["--only", ANY_CASE if case in FRAMING else case]
    if mutation.is_slow:
        chosen.append("--slow")
    listen = [str(AGENT_GATE), "conformance", "--listen", "--port", "0", "--json", *chosen]
    with tempfile.TemporaryFile("w+") as errors:
        process = subprocess.Popen(
            listen, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=SRC.parent
        )
        client: subprocess.Popen[str] | None = None
        bound = threading.Timer(SLOW_S if mutation.is_slow else CASE_S, process.kill)
        bound.start()
        try:
            assert process.stdout is not None
            assert process.stderr is not None
            url, said = url_in(process.stderr)
            if not url:
                return Finding(case, why=said)
            command = [sys.executable, "-m", "tests.conformance.wrong.client", mutation.name, url]
            client = subprocess.Popen(command, stderr=errors, cwd=SRC.parent, text=True)
            threading.Thread(target=outlive, args=(process, client), daemon=True).start()
            return finding_in(process.stdout, case) or Finding(case, why=end_of(errors))
        finally:
            bound.cancel()
            for each in (process, client):
                if each is not None:
                    each.kill()
                    each.communicate()


def outlive(process: subprocess.Popen[str], client: subprocess.Popen[str]) -> None:
    """Do not wait long for a verdict on a client that has ended."""
    client.wait()
    try:
        process.wait(GONE_S)
    except subprocess.TimeoutExpired:
        process.kill()


def url_in(lines: IO[str]) -> tuple[str, str]:
    """Return the address that the scripted gateway says it listens on, "" if none; and its words,
    up to there."""
    said = ""
    for line in lines:
        said += line
        for word in line.split():
            if word.startswith("ws://"):
                return word.rstrip(","), said
    return "", " ".join(said.split())


def finding_in(lines: IO[str], case: str) -> Finding | None:
    """Return what is said of a case; what comes after it is of no interest."""
    for line in lines:
        finding = finding_of(line)
        if finding is not None and finding.case == case:
            return finding
    return None


def end_of(errors: IO[str]) -> str:
    """The last line of what a client wrote, for one that could not even begin."""
    errors.seek(0)
    return (errors.read().strip().splitlines() or ["no end within the time that it may take"])[-1]
