"""The gateway under test: its configuration, its policy and its tools, written into a folder."""

from __future__ import annotations

import secrets
from importlib.resources import files
from pathlib import Path

import msgspec

PRINCIPALS = {
    "agent_token": ("agent", "agent"),
    "other_token": ("other", "agent"),
    "approver_token": ("person", "approver"),
}
"""Who the vectors speak as: name and role, by the name of the token."""

FILES = ("permissions.yaml", "tools.py")

CONFIG = """\
# A gateway under test: 'agent-gate serve --config {folder}/config.yaml', then
# 'agent-gate conformance ws://127.0.0.1:{port} --tokens {folder}/principals.json'.
gateway: {{port: {port}, shutdown_s: 1}}
principals:
{principals}
permissions: permissions.yaml
tools: {{python: [tools.py], output_bytes_max: {output_bytes_max}}}
storage: {{path: gate.db}}
approval_timeout: {approval_s}
rate_limit: {{max_pending_approvals: {waiting_max}, max_requests_per_minute: 100000}}
"""

APPROVAL_S = 5
"""How long an approval waits: the vectors wait for it to lapse."""

WAITING_MAX = 3
"""Waiting approvals of one agent: the vectors go beyond it."""


OUTPUT_BYTES_MAX = 2_000_000
"""Results of tools: the vectors ask for more than old clients take."""


def write_profile(folder: Path, port: int) -> dict[str, str]:
    """Write what the gateway under test needs; return its tokens, fresh ones.

    Raises:
        FileExistsError: there is a configuration already.
        OSError: the folder can't be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    tokens = {name: secrets.token_urlsafe(24) for name in PRINCIPALS}
    principals = "\n".join(
        f"  - {{name: {name}, role: {role}, token: {tokens[token]}}}"
        for token, (name, role) in PRINCIPALS.items()
    )
    text = CONFIG.format(
        folder=folder,
        port=port,
        principals=principals,
        approval_s=APPROVAL_S,
        waiting_max=WAITING_MAX,
        output_bytes_max=OUTPUT_BYTES_MAX,
    )
    write_private(folder / "config.yaml", text.encode())
    write_private(folder / "principals.json", msgspec.json.encode(tokens))
    for name in FILES:
        source = files("agentgate_cli.conformance") / "gateway" / name
        (folder / name).write_bytes(source.read_bytes())
    return tokens


def write_private(path: Path, data: bytes) -> None:
    """Write a new file that holds tokens, for nobody else to read."""
    path.touch(mode=0o600, exist_ok=False)
    path.write_bytes(data)


def read_tokens(path: Path) -> dict[str, str]:
    """Read the tokens of a gateway under test.

    Raises:
        OSError: the file can't be read.
        msgspec.DecodeError: it is none.
    """
    return msgspec.json.decode(path.read_bytes(), type=dict[str, str])
