"""``agent-gate token``: made, listed and revoked beside a gateway that runs."""

from __future__ import annotations

import json
import re
import stat
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pyotp
import pytest
from tests.cli.support import (
    AGENT_TOKEN,
    OPERATOR_TOKEN,
    Served,
    ended,
    run,
    write_files,
)

from agentgate_server.identity.tokens import hash_token


def new(folder: Path, name: str, role: str = "agent") -> str:
    done = run("token", "new", name, "--role", role, cwd=folder)
    assert done.returncode == 0, done.stderr
    assert done.stderr == f"the token of {name} ({role}): keep it, it is not shown again\n"
    return done.stdout.strip()


def test_a_token_works_as_soon_as_it_is_made_until_it_is_revoked(mortal: Served) -> None:
    token = new(mortal.folder, "garden")
    as_garden = {"AGENT_GATE_URL": mortal.url, "AGENT_GATE_TOKEN": token}
    assert run("call", "list_lights", **as_garden).returncode == 0
    revoked = run("token", "revoke", "garden", cwd=mortal.folder)
    assert (revoked.returncode, revoked.stdout) == (0, "revoked garden (agent)\n")
    refused = run("call", "list_lights", **as_garden)
    assert refused.returncode == 3
    assert "Invalid token" in refused.stderr


def test_a_token_of_the_configuration_is_shut_out_at_once_and_replaced(tmp_path: Path) -> None:
    agent = {"token": "${AGENT_TOKEN}"}
    write_files(tmp_path, agent=agent)
    dotenv = tmp_path / ".env"
    dotenv.write_text(f"AGENT_TOKEN={AGENT_TOKEN}\n")
    dotenv.chmod(0o600)
    gateway = Served(tmp_path)
    gateway.start()
    call = gateway.calling("set_light", "room=kitchen", "on=true")
    done = run("token", "revoke", "agent", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (0, "revoked agent (agent)\n")
    assert "comes back with another one there" in done.stderr
    assert ended(call)[0] == 3  # it is closed within a second, and what it waited for withdrawn
    assert "Invalid token" in gateway.as_agent("call", "list_lights").stderr
    assert gateway.waiting() == []
    assert run("token", "list", cwd=tmp_path).stdout.startswith("agent\tagent\trevoked\t-\n")
    gateway.stop()
    gateway.start()
    assert "Invalid token" in gateway.as_agent("call", "list_lights").stderr
    dotenv.write_text("AGENT_TOKEN=another-token-0123456789abcdef\n")
    reload = {"AGENT_GATE_URL": gateway.url, "AGENT_GATE_TOKEN": OPERATOR_TOKEN}
    assert run("reload", **reload).returncode == 0
    assert "Invalid token" in gateway.as_agent("call", "list_lights").stderr
    back = {"AGENT_GATE_URL": gateway.url, "AGENT_GATE_TOKEN": "another-token-0123456789abcdef"}
    assert run("call", "list_lights", **back).returncode == 0


def test_only_the_hash_is_kept_and_only_for_the_owner(tmp_path: Path) -> None:
    write_files(tmp_path)
    token = new(tmp_path, "anna", "approver")
    file = tmp_path / "tokens.json"  # beside the database
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert token not in file.read_text()
    assert hash_token(token) in file.read_text()


def test_the_list_names_everybody_and_where_they_come_from(tmp_path: Path) -> None:
    write_files(tmp_path)
    new(tmp_path, "garden")
    rows = json.loads(run("token", "list", "--json", cwd=tmp_path).stdout)["tokens"]
    assert [(row["name"], row["role"], row["source"]) for row in rows] == [
        ("agent", "agent", "config"),
        ("owner", "approver", "config"),
        ("watcher", "operator", "config"),
        ("garden", "agent", "file"),
    ]
    assert rows[0]["created_at"] is None
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT[\d:.]+Z", rows[3]["created_at"])
    lines = run("token", "list", cwd=tmp_path).stdout.splitlines()
    assert lines[0] == "agent\tagent\tconfig\t-"
    assert lines[3] == f"garden\tagent\tfile\t{rows[3]['created_at']}"


def test_the_configuration_may_name_another_file(tmp_path: Path) -> None:
    write_files(tmp_path, tokens="secrets/who.json")
    row = json.loads(run("token", "new", "x", "--role", "operator", "--json", cwd=tmp_path).stdout)
    assert hash_token(row["token"]) in (tmp_path / "secrets" / "who.json").read_text()
    assert (row["name"], row["role"]) == ("x", "operator")


@pytest.mark.parametrize(
    ("args", "code", "text"),
    [
        (["new", "owner", "--role", "agent"], 1, "'owner' is in config.yaml already"),
        (["new", "garden", "--role", "agent"], 1, "'garden' has a token: 'agent-gate token revoke"),
        (["new", "x", "--role", "root"], 4, "'root' is not one of 'agent', 'approver'"),
        (["new", "", "--role", "agent"], 4, "NAME must not be empty"),
        (["new", "x"], 4, "Missing option '--role'"),
        (["revoke", "owner"], 1, "the token of 'owner' is revoked already"),
        (["revoke", "nobody"], 1, "has no token of 'nobody': see 'agent-gate token list'"),
    ],
)
def test_a_mistake_says_what_to_do(tmp_path: Path, args: list[str], code: int, text: str) -> None:
    write_files(tmp_path)
    new(tmp_path, "garden")
    assert run("token", "revoke", "owner", cwd=tmp_path).returncode == 0
    done = run("token", *args, cwd=tmp_path)
    assert done.returncode == code
    assert text in done.stderr
    assert done.stdout == ""


def test_an_agent_cannot_have_the_name_of_a_person_on_telegram(tmp_path: Path) -> None:
    phone = {"token": "1:" + "a" * 35, "chat_id": 5, "allowed_users": [{"id": 5, "name": "anna"}]}
    write_files(tmp_path, messenger={"type": "telegram", "telegram": phone})
    done = run("token", "new", "anna", "--role", "agent", cwd=tmp_path)
    assert done.returncode == 1
    assert "'anna' is a person who answers approvals" in done.stderr
    new(tmp_path, "anna", "approver")  # the same person


def test_a_gateway_can_be_used_by_tokens_alone(tmp_path: Path) -> None:
    write_files(tmp_path, agent=None, principals=[])
    refused = run("serve", cwd=tmp_path)
    assert refused.returncode == 1
    assert "make them by 'agent-gate token new'" in refused.stderr
    new(tmp_path, "garden")
    served = Served(tmp_path)
    assert served.start()["principals"] == 1
    served.stop()


def test_a_token_file_that_cannot_be_used_stops_the_start(tmp_path: Path) -> None:
    write_files(tmp_path)
    (tmp_path / "tokens.json").write_text("{}}")
    done = run("serve", cwd=tmp_path)
    assert done.returncode == 1
    assert done.stderr.startswith(f"Error: {tmp_path / 'tokens.json'}: ")
    checked = run("check", cwd=tmp_path)
    assert checked.returncode == 1
    assert "tokens.json" in checked.stdout


def test_a_secret_for_codes_comes_as_an_authenticator_takes_it() -> None:
    row = json.loads(run("token", "totp", "anna", "--json").stdout)
    assert pyotp.TOTP(row["totp"]).verify(pyotp.parse_uri(row["uri"]).now())
    assert parse_qs(urlsplit(row["uri"]).query)["issuer"] == ["agent-gate"]
    lines = run("token", "totp", "anna").stdout.splitlines()
    assert lines[0].startswith("totp: ")
    assert lines[0] != f"totp: {row['totp']}"
    assert lines[1].startswith("uri:  otpauth://totp/agent-gate:anna?secret=")


def test_a_token_comes_with_the_hash_that_the_configuration_takes(tmp_path: Path) -> None:
    lines = dict(line.split(": ") for line in run("token", "make").stdout.splitlines())
    token, token_hash = lines["token"].strip(), lines["token_hash"].strip()
    assert token_hash == hash_token(token)
    row = json.loads(run("token", "make", "--json").stdout)
    assert row["token_hash"] == hash_token(row["token"])
    assert row["token"] != token


def test_a_new_name_is_one_word(tmp_path: Path) -> None:
    write_files(tmp_path)
    done = run("token", "new", "garden bot", "--role", "agent", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (4, "")
    assert "NAME must be one word: garden-bot" in done.stderr
