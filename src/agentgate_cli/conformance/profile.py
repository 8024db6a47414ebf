"""The gateway under test: its configuration, its policy and its tools, written into a folder."""

from __future__ import annotations

import secrets
from base64 import b32encode
from importlib.resources import files
from pathlib import Path
from typing import NamedTuple

import msgspec


class Party(NamedTuple):
    """Somebody whom the vectors speak as.

    Attributes:
        name, role: in the configuration.
        totp: what the vectors call the secret of their one-time codes; "": there is none.
        approves: of a relay: the yes of a person there counts.
    """

    name: str
    role: str
    totp: str = ""
    approves: bool = False


PRINCIPALS = {
    "agent_token": Party("agent", "agent"),
    "other_token": Party("other", "agent"),
    "approver_token": Party("person", "approver", "approver_totp"),
    "second_token": Party("second", "approver", "second_totp"),
    "guesser_token": Party("guesser", "approver", "guesser_totp"),
    "console_token": Party("console", "console"),
    "relay_token": Party("relay", "relay"),
    "trusted_token": Party("trusted", "relay", approves=True),
}
"""Everybody, by what the vectors call their token."""

MODEL = "model"
"""What the vectors call the name of the model that plays their scenes."""

LOGIN = "agent_password"
"""What the vectors call the password of the named agent ``house``."""

HTTP = "http"
"""What is given, as "yes", of a gateway that has the HTTP face."""

SECRETS = frozenset({LOGIN, *PRINCIPALS, *(party.totp for party in PRINCIPALS.values())} - {""})
"""All tokens, passwords and secrets of codes, as the vectors call them."""

GIVEN = SECRETS | {MODEL, HTTP}
"""All that is given of a gateway under test."""

CODE_SECRET_BYTES = 20
"""Of one-time codes: as long as the digest (RFC 4226 section 4)."""

FILES = ("permissions.yaml", "scenes.yaml", "tools.py")

CONFIG = """\
# A gateway under test: 'agent-gate serve --config {folder}/config.yaml', then
# 'agent-gate conformance ws://127.0.0.1:{port} --tokens {folder}/principals.json'.
gateway: {{port: {port}, shutdown_s: 1, allowed_origins: [{page}]}}
principals:
{principals}
permissions: permissions.yaml
tools: {{python: [tools.py], output_bytes_max: {output_bytes_max}}}
storage: {{path: gate.db}}
sessions: {{models: {{actor: {{backend: rehearsal, script: scenes.yaml}}}}}}
agents: {{house: {{name: The house, password: {password}}}}}
approval_timeout: {approval_s}
rate_limit: {{max_pending_approvals: {waiting_max}, max_requests_per_minute: 100000}}
"""

PAGE = "https://console.example"
"""Whose pages may connect: one origin that is not the gateway's own."""

APPROVAL_S = 8
"""How long an approval waits: the vectors wait for it to lapse, and for restarts before."""

WAITING_MAX = 3
"""Waiting approvals of one agent: the vectors go beyond it."""


OUTPUT_BYTES_MAX = 2_000_000
"""Results of tools: the vectors ask for more than old clients take."""


def write_profile(folder: Path, port: int) -> dict[str, str]:
    """Write what the gateway under test needs; return its tokens and secrets, fresh ones.

    Raises:
        FileExistsError: there is a configuration already.
        OSError: the folder can't be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    tokens = {token: secrets.token_urlsafe(24) for token in PRINCIPALS}
    tokens |= {
        party.totp: b32encode(secrets.token_bytes(CODE_SECRET_BYTES)).decode()
        for party in PRINCIPALS.values()
        if party.totp
    }
    tokens[LOGIN] = secrets.token_urlsafe(24)
    given = {**tokens, MODEL: "actor", HTTP: "yes"}
    principals = "\n".join(
        f"  - {{name: {party.name}, role: {party.role}, token: {tokens[token]}"
        + (f", totp: {tokens[party.totp]}" if party.totp else "")
        + (", approves: true}" if party.approves else "}")
        for token, party in PRINCIPALS.items()
    )
    text = CONFIG.format(
        folder=folder,
        port=port,
        page=PAGE,
        principals=principals,
        password=tokens[LOGIN],
        approval_s=APPROVAL_S,
        waiting_max=WAITING_MAX,
        output_bytes_max=OUTPUT_BYTES_MAX,
    )
    write_private(folder / "config.yaml", text.encode())
    write_private(folder / "principals.json", msgspec.json.encode(given))
    for name in FILES:
        source = files("agentgate_cli.conformance") / "gateway" / name
        (folder / name).write_bytes(source.read_bytes())
    return given


def write_private(path: Path, data: bytes) -> None:
    """Write a new file that holds tokens, for nobody else to read."""
    path.touch(mode=0o600, exist_ok=False)
    path.write_bytes(data)


def read_tokens(path: Path) -> dict[str, str]:
    """Read the tokens and secrets of a gateway under test.

    Raises:
        OSError: the file can't be read.
        msgspec.DecodeError: it is none.
    """
    return msgspec.json.decode(path.read_bytes(), type=dict[str, str])
