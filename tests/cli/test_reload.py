"""``agent-gate reload`` and SIGHUP, at a gateway of its own process."""

from __future__ import annotations

import json
import signal
import ssl
from pathlib import Path
from typing import Any

import yaml
from tests.cli.support import (
    AGENT_TOKEN,
    BOUND_S,
    OPERATOR_TOKEN,
    Served,
    at_terminal,
    run,
    started,
    write_files,
)
from tests.server.certificates import Pair, make

DENY = {"rules": [{"pattern": "*", "action": "deny", "description": "Closed for today"}]}


def as_operator(served: Served, *args: str) -> tuple[int, str, str]:
    done = run(*args, AGENT_GATE_URL=served.url, AGENT_GATE_TOKEN=OPERATOR_TOKEN)
    return done.returncode, done.stdout, done.stderr


def write_policy(served: Served, policy: object) -> None:
    (served.folder / "permissions.yaml").write_text(yaml.safe_dump(policy))


def test_a_new_policy_goes_live(mortal: Served) -> None:
    write_policy(mortal, DENY)
    code, out, err = as_operator(mortal, "reload")
    assert (code, err) == (0, "")
    assert out.startswith("reloaded: policy permissions.yaml (")
    assert out.endswith("): 1 rule, 3 principals\n")
    assert "Closed for today" in mortal.as_agent("call", "list_lights").stderr


def test_a_broken_policy_is_named_with_file_and_line_and_changes_nothing(mortal: Served) -> None:
    (mortal.folder / "permissions.yaml").write_text("rules:\n  - {tool: x, action: dney}\n")
    code, out, err = as_operator(mortal, "reload")
    assert code == 1
    assert err.startswith("Error: permissions.yaml:2: rules[0].action: 'dney' is not one of")
    assert out.startswith("refused; still in force: policy permissions.yaml (")
    assert mortal.as_agent("call", "list_lights").returncode == 0
    code, out, _ = as_operator(mortal, "reload", "--json")
    assert (code, json.loads(out)["status"]) == (1, "refused")
    health = run("health", "--url", mortal.url, "--json")
    assert (health.returncode, json.loads(health.stdout)["policy"][:22]) == (
        0,
        "the last reload failed",
    )


def test_what_needs_a_restart_is_said(mortal: Served) -> None:
    write_files(mortal.folder, storage={"path": "gate.db", "keep_days": 3})
    code, _, err = as_operator(mortal, "reload")
    assert (code, err) == (0, "warning: restart to change storage.keep_days\n")


def test_what_the_environment_hides_is_said(tmp_path: Path) -> None:
    tokens = {"AGENT_TOKEN": AGENT_TOKEN, "UNUSED": "a"}
    write_files(tmp_path, agent={"token": "${AGENT_TOKEN}"})
    dotenv = tmp_path / ".env"
    dotenv.write_text("".join(f"{name}={value}\n" for name, value in tokens.items()))
    dotenv.chmod(0o600)
    process = started("serve", "--log-format", "json", cwd=tmp_path, **tokens)  # set -a; . ./.env
    assert process.stdout is not None
    served = Served(tmp_path)
    url = json.loads(process.stdout.readline())["url"]
    served.process, served.port = process, int(url.rpartition(":")[2])
    assert as_operator(served, "reload")[2] == ""
    dotenv.write_text("AGENT_TOKEN=another-token-0123456789abcdef\nUNUSED=b\n")
    code, _, err = as_operator(served, "reload")
    text = "restart to change AGENT_TOKEN: the environment has another value than .env"
    assert (code, err) == (0, f"warning: {text}\n")
    assert logged(served, "restart to change AGENT_TOKEN")["level"] == "warning"
    assert served.as_agent("call", "list_lights").returncode == 0


def test_an_edited_tool_is_said_to_take_a_restart(tmp_path: Path) -> None:
    text = (
        'from agentgate_server import tool\n\n@tool\ndef a() -> int:\n    """A."""\n    return 1\n'
    )
    (tmp_path / "mine.py").write_text(text)
    write_files(tmp_path, {"rules": []}, tools={"python": ["mine.py"]})
    served = Served(tmp_path)
    served.start()
    assert as_operator(served, "reload")[2] == ""
    (tmp_path / "mine.py").write_text(text.replace("1", "2"))
    code, _, err = as_operator(served, "reload")
    assert (code, err) == (0, "warning: restart to change mine.py\n")
    served.stop()
    served.start()
    assert as_operator(served, "reload")[2] == ""


def test_sighup_takes_a_renewed_certificate(tmp_path: Path) -> None:
    for name in ("old", "new"):
        make(tmp_path, name)
    pair = Pair(tmp_path)
    pair.put("old")
    write_files(tmp_path, gateway={"port": 0, "tls": pair.config()})
    served = Served(tmp_path)
    served.start()
    assert served.process is not None
    shown = [ssl.get_server_certificate(("127.0.0.1", served.port))]
    pair.put("new")
    served.process.send_signal(signal.SIGHUP)
    logged(served, "reloaded: policy permissions.yaml (")
    shown.append(ssl.get_server_certificate(("127.0.0.1", served.port)))
    assert shown == [(tmp_path / f"{name}.pem").read_text() for name in ("old", "new")]
    pair.key.write_text("no key")
    served.process.send_signal(signal.SIGHUP)
    assert "stays in force" in logged(served, "gateway.tls: cannot use")["message"]
    assert ssl.get_server_certificate(("127.0.0.1", served.port)) == shown[1]


def test_an_approver_may_not_reload(mortal: Served) -> None:
    done = mortal.as_owner("reload")
    assert done.returncode == 3
    assert "reload is not for the role approver" in done.stderr


def test_sighup_reloads_and_a_broken_policy_is_logged(mortal: Served) -> None:
    assert mortal.process is not None
    write_policy(mortal, DENY)
    mortal.process.send_signal(signal.SIGHUP)
    assert logged(mortal, "reloaded: policy permissions.yaml (")["level"] == "info"
    assert "Closed for today" in mortal.as_agent("call", "list_lights").stderr
    (mortal.folder / "permissions.yaml").write_text("rules: [")
    mortal.process.send_signal(signal.SIGHUP)
    refused = logged(mortal, "not reloaded, what was in force stays in force: permissions.yaml")
    assert refused["level"] == "error"
    assert "Closed for today" in mortal.as_agent("call", "list_lights").stderr


def logged(served: Served, start: str) -> dict[str, Any]:
    """Wait for the record that begins so."""
    assert served.process is not None
    assert served.process.stderr is not None
    for line in served.process.stderr:
        record: dict[str, Any] = json.loads(line)
        if record["message"].startswith(start):
            return record
    raise AssertionError(f"{start} was not logged")


def test_a_gateway_whose_terminal_is_gone_ends(tmp_path: Path) -> None:
    write_files(tmp_path)
    with at_terminal("serve", cwd=tmp_path) as terminal:
        terminal.see("listening on ")
        terminal.process.send_signal(signal.SIGHUP)
        terminal.see("reloaded: policy")
        terminal.hang_up()
        terminal.process.send_signal(signal.SIGHUP)
        assert terminal.process.wait(BOUND_S) == 0
