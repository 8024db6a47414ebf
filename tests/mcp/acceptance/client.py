"""The conformance suite on the gate's client of MCP servers, and on the logins at them: a person
consents at the command line, as it is played here, and no server can bring that about."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final

from tests.mcp.acceptance.programs import CONFORMANCE, npm_program
from tests.mcp.acceptance.suite import verdict_of

ROOT: Final = Path(__file__).parents[3]
BOUND_S: Final = 90.0

SCENARIOS: Final = {
    "2025-11-25": (
        *("initialize", "tools_call", "elicitation-sep1034-client-defaults", "sse-retry"),
    ),
    "2026-07-28": (
        *("tools_call", "request-metadata", "sep-2322-client-request-state"),
        *("http-standard-headers", "http-custom-headers", "http-invalid-tool-headers"),
        "json-schema-ref-no-deref",
    ),
}
"""What has nothing to do with logins."""

LOGINS: Final = {
    "2025-03-26": ("2025-03-26-oauth-metadata-backcompat", "2025-03-26-oauth-endpoint-fallback"),
    "2026-07-28": (
        *("metadata-default", "metadata-var1", "metadata-var2", "metadata-var3"),
        *("basic-cimd", "scope-from-www-authenticate", "scope-from-scopes-supported"),
        *("scope-omitted-when-undefined", "scope-step-up", "scope-retry-limit"),
        *("token-endpoint-auth-basic", "token-endpoint-auth-post", "token-endpoint-auth-none"),
        *("pre-registration", "resource-mismatch", "offline-access-scope"),
        *("offline-access-not-supported", "authorization-server-migration", "iss-supported"),
        *("iss-not-advertised", "iss-supported-missing", "iss-wrong-issuer", "iss-unexpected"),
        *("iss-normalized", "metadata-issuer-mismatch"),
    ),
}
"""All of ``auth/`` but extensions: a gateway has no identity of its own at a server, only what a
person has consented to (client credentials, workload and enterprise identities), and its tokens
are plain bearers (DPoP)."""

NOT_OURS: Final = {
    ("scope-step-up", "Client scope escalation for step-up auth"),
    ("scope-step-up", "Client accumulates previously-granted scopes on re-authorization"),
}
"""A server that wants more than a person has consented to gets no consent in the midst of a call:
the call fails, and says so."""


def run() -> list[str]:
    """Run it, and return what went wrong."""
    problems = []
    programs = (("backend_client", "", SCENARIOS), ("login_client", "auth/", LOGINS))
    for program, prefix, wanted in programs:
        for revision, scenarios in wanted.items():
            for scenario in scenarios:
                failed = played(program, revision, prefix, scenario)
                print(f"  {revision} {scenario:40} {'; '.join(failed) or 'ok'}", flush=True)
                problems += [f"{revision} {scenario}: {each}" for each in failed]
    return problems


def played(program: str, revision: str, prefix: str, scenario: str) -> list[str]:
    """Play one scenario; return what was wrong."""
    command = shlex.join([sys.executable, "-m", f"tests.mcp.acceptance.{program}"])
    which = "--scenario", f"{prefix}{scenario}", "--spec-version", revision
    with tempfile.TemporaryDirectory() as folder:
        said = subprocess.run(
            [*npm_program(CONFORMANCE), "client", "--command", command, "-o", folder, *which],
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            timeout=BOUND_S,
            check=False,
        )
        files = list(Path(folder).rglob("checks.json"))
        if not files:
            return [f"no results: {said.stdout[-300:]}{said.stderr[-300:]}"]
        verdicts = [verdict_of(file) for file in files]
    nothing = [] if any(each.passed for each in verdicts) else ["nothing was checked"]
    failed = []
    for name, why in (each for verdict in verdicts for each in verdict.failed.items()):
        if (scenario, name) in NOT_OURS:
            print(f"      not ours: {name}: {why}", flush=True)
        else:
            failed.append(f"{name}: {why}")
    return nothing + failed
