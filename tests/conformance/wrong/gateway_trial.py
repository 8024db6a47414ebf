"""Tries wrong gateways: each is served for the vectors that must find it, and for nothing else."""

from __future__ import annotations

import shlex
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.change import SRC
from tests.conformance.wrong.mutation import Mutation
from tests.conformance.wrong.trial import Finding, Trial, finding_of
from tests.held_ports import hold_port

from agentgate_cli.conformance.profile import write_profile

AGENT_GATE = Path(sys.executable).with_name("agent-gate")
MUTATED = "tests.conformance.wrong.gateway"

TRIAL_S = 180.0
"""How long a trial may take, with a start and some restarts; a slow one may take longer."""

SLOW_S = 300.0


def try_gateway(mutation: Mutation) -> Trial:
    """Play the vectors that must find it, one after the other, with the gateway that has it."""
    began = time.monotonic()
    told = played(mutation)
    findings = tuple(
        told.get(name) or Finding(name, why=told[""].why) for name in mutation.found_by
    )
    return Trial(mutation, findings, time.monotonic() - began)


def played(mutation: Mutation, *, changed: bool = True) -> dict[str, Finding]:
    """Return what is said of each vector by its name; under "" what the tool said last.

    Args:
        mutation: what is tried.
        changed: with the mistake; without it nothing may be found.
    """
    port, holder = hold_port()
    with tempfile.TemporaryDirectory() as folder:
        profile = Path(folder) / "gateway"
        write_profile(profile, port)
        gateway = (sys.executable, "-m", MUTATED, mutation.name) if changed else (str(AGENT_GATE),)
        config = ("serve", "--config", str(profile / "config.yaml"), "--log-level", "error")
        command = [
            *(str(AGENT_GATE), "conformance", f"ws://127.0.0.1:{port}", "--json"),
            *("--tokens", str(profile / "principals.json")),
            *("--serve", shlex.join((*gateway, *config))),
            *(word for name in mutation.found_by for word in ("--only", name)),
            *(["--slow"] if mutation.is_slow else []),
        ]
        try:
            done = subprocess.run(
                command,
                cwd=SRC.parent,
                capture_output=True,
                text=True,
                timeout=SLOW_S if mutation.is_slow else TRIAL_S,
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            return {"": Finding("", why=f"no end within {error.timeout:g} s")}
        finally:
            if holder is not None:
                holder.close()
    found = [finding for line in done.stdout.splitlines() if (finding := finding_of(line))]
    last = (done.stderr.strip().splitlines() or ["not a word"])[-1]
    return {finding.case: finding for finding in found} | {"": Finding("", why=last)}
