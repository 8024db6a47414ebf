"""``agent-gate agents``: which there are, and hashes that let people in."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from tests.cli.support import run

from agentgate_server.identity.passwords import PasswordHash, Passwords


def hashed(typed: str, *options: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "agentgate_cli", "agents", "hash", *options]
    return subprocess.run(
        command, input=typed, capture_output=True, text=True, timeout=60, check=False
    )


def test_the_hash_of_a_password_lets_in_who_has_it() -> None:
    done = hashed("open sesame\n", "--json")
    assert done.returncode == 0, done.stderr
    made = PasswordHash(json.loads(done.stdout)["password_hash"])
    assert Passwords({"house": made}).check("house", "open sesame")
    plain = hashed("open sesame").stdout
    assert plain.startswith("password_hash: scrypt:16384:8:5:")
    assert "sesame" not in plain


@pytest.mark.parametrize("typed", ["", "  \n", "x" * 1_025])
def test_what_is_no_password_has_no_hash(typed: str) -> None:
    done = hashed(typed)
    assert (done.returncode, done.stdout) == (1, "")
    assert "the password" in done.stderr


def test_the_agents_are_listed_and_no_password_is(tmp_path: Path) -> None:
    config = tmp_path / "config.yaml"
    config.write_text(
        "agent: {token: agent-token-0123456789}\n"
        "agents:\n"
        "  house: {name: The house, password: open sesame}\n"
        "  yard: {password_hash: 'scrypt:2:1:1:AAAA:" + "A" * 43 + "='}\n"
    )
    config.chmod(0o600)
    done = run("agents", "list", cwd=tmp_path)
    assert done.stdout.splitlines() == [
        "house\tThe house\trehearsal\tclear",
        "yard\tyard\trehearsal\thash",
    ]
    rows = json.loads(run("agents", "list", "--json", cwd=tmp_path).stdout)["agents"]
    assert rows[0] == {
        "id": "house",
        "name": "The house",
        "model": "rehearsal",
        "password": "clear",
    }
    config.write_text("agent: {token: agent-token-0123456789}\n")
    assert json.loads(run("agents", "list", "--json", cwd=tmp_path).stdout) == {"agents": []}


def test_nobody_gets_a_token_in_the_name_of_an_agent(tmp_path: Path) -> None:
    config = tmp_path / "config.yaml"
    config.write_text("agents: {house: {password: open sesame}}\n")
    config.chmod(0o600)
    done = run("token", "new", "house", "--role", "agent", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (1, "")
    assert "'house' is a named agent of config.yaml" in done.stderr


def test_nobody_gets_a_token_by_which_to_offer_tools_for_those_of_an_upstream(
    tmp_path: Path,
) -> None:
    config = tmp_path / "config.yaml"
    config.write_text("upstreams: {house: {url: wss://house.example, token: a-token-of-ours}}\n")
    config.chmod(0o600)
    done = run("token", "new", "house.kitchen", "--role", "agent", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (1, "")
    assert "its tools would be called as those of an upstream are" in done.stderr
    assert run("token", "new", "house", "--role", "relay", cwd=tmp_path).returncode == 0
