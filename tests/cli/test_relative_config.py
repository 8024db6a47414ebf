"""A configuration in another folder: what it names is beside it, wherever the command is run."""

from __future__ import annotations

import json
import signal
from pathlib import Path

import pytest
import yaml
from tests.cli.support import AGENT_TOKEN, BOUND_S, CONFIG, Served, ended, run, started

TOOLS = '''
from helpers import GREETING
from agentgate_server import tool

{more}
@tool(effects="read")
def greet() -> str:
    """Say hello."""
    return GREETING
'''
HTTP = """
backends: {alarm: {url: "https://alarm.example", headers: {X-Pin: "${ALARM_PIN}"}}}
tools: {disarm: {description: Disarm., backend: alarm, request: {method: POST, path: /off}}}
"""
HOME = {"homeassistant": {"url": "https://127.0.0.1:1", "token": "a" * 40, "ca": "ca.pem"}}
ALLOW = "rules: [{tool: greet, action: allow}, {tool: disarm, action: deny}]\n"
CONFIG_ARGS = ("--config", "house/conf/config.yaml")


def write_house(cwd: Path, more: str = "") -> Path:
    """Write a configuration two folders down, with everything in it that names a file."""
    folder = cwd / "house" / "conf"
    (folder / "parts").mkdir(parents=True)
    (folder / "parts" / "tools.py").write_text(TOOLS.format(more=more))
    (folder / "helpers.py").write_text('GREETING = "hello"\n')
    (folder / "parts" / "alarm.yaml").write_text(HTTP)
    (folder / "parts" / "rules.yaml").write_text(ALLOW)
    (folder / ".env").write_text(f"ALARM_PIN=47114711\nAGENT_TOKEN={AGENT_TOKEN}\n")
    (folder / ".env").chmod(0o600)
    config = {
        **CONFIG,
        "agent": {"token": "${AGENT_TOKEN}"},
        "tools": {"python": ["parts/tools.py"], "http": ["parts/alarm.yaml"]},
        "storage": {"path": "data/gate.db"},
        "audit": {"head_file": "parts/head.txt"},
        "tokens": "parts/people.json",
        "permissions": "parts/rules.yaml",
    }
    (folder / "config.yaml").write_text(yaml.safe_dump(config))
    (folder / "config.yaml").chmod(0o600)
    return folder


def files_below(folder: Path) -> set[str]:
    """Every file, without what Python and SQLite leave beside others."""
    names = (str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())
    return {name for name in names if not name.endswith((".pyc", "-wal", "-shm", "-lock"))}


@pytest.fixture(params=["", 'import os\nos.chdir("/")\n'], ids=["", "tools that go away"])
def served(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Served, Path]:
    """A gateway that was started two folders above its configuration."""
    folder = write_house(tmp_path, request.param)
    gateway = Served(tmp_path)
    gateway.start(*CONFIG_ARGS)
    return gateway, folder


def test_serve_finds_all_that_the_file_names(served: tuple[Served, Path]) -> None:
    gateway, folder = served
    before = files_below(folder)
    assert gateway.as_agent("call", "greet").stdout == '"hello"\n'
    made = run("token", "new", "garden", "--role", "agent", *CONFIG_ARGS, cwd=gateway.folder)
    assert made.returncode == 0, made.stderr
    garden = {"AGENT_GATE_URL": gateway.url, "AGENT_GATE_TOKEN": made.stdout.strip()}
    assert run("call", "greet", **garden).stdout == '"hello"\n'
    gateway.stop()
    # Nothing lies anywhere else.
    assert files_below(folder) == before | {"parts/people.json", "parts/head.txt"}
    assert files_below(gateway.folder) == {f"house/conf/{name}" for name in files_below(folder)}


def test_a_reload_reads_the_same_files(tmp_path: Path) -> None:
    folder = write_house(tmp_path)
    gateway = Served(tmp_path)
    gateway.start(*CONFIG_ARGS)
    assert gateway.process is not None
    (folder / "parts" / "rules.yaml").write_text("rules: [{tool: greet, action: deny}]\n")
    gateway.process.send_signal(signal.SIGHUP)
    assert gateway.process.stderr is not None
    records = map(json.loads, gateway.process.stderr)
    said = next(row for row in records if "reloaded" in row["message"])
    assert said["message"].startswith("reloaded: policy rules.yaml (")
    assert "Denied by policy" in gateway.as_agent("call", "greet").stderr
    gateway.process.terminate()
    after = [json.loads(line)["message"] for line in ended(gateway.process)[2].splitlines()]
    assert not [text for text in after if "restart" in text]


def test_the_commands_without_a_gateway_find_them_too(tmp_path: Path) -> None:
    folder = write_house(tmp_path)
    gateway = Served(tmp_path)
    gateway.start(*CONFIG_ARGS)
    assert gateway.as_agent("call", "greet").returncode == 0
    gateway.stop()
    for args in (
        ("check",),
        ("explain", "greet"),
        ("replay", "--permissions", "house/conf/parts/rules.yaml"),
        ("audit", "verify"),
        ("audit", "tail"),
        ("token", "list"),
    ):
        done = run(*args, *CONFIG_ARGS, cwd=tmp_path)
        assert (done.returncode, done.stderr) == (0, ""), (args, done)
    said = run("explain", "greet", *CONFIG_ARGS, cwd=tmp_path).stdout
    assert "rules.yaml:1" in said
    assert (
        "the head that was kept is in it"
        in run("audit", "verify", *CONFIG_ARGS, cwd=tmp_path).stdout
    )
    assert {path.parent for path in tmp_path.rglob("gate.db*")} == {folder / "data"}


def test_certificates_are_beside_the_file(tmp_path: Path) -> None:
    folder = write_house(tmp_path)
    config = yaml.safe_load((folder / "config.yaml").read_text())
    config["gateway"]["tls"] = {"cert": "tls/cert.pem", "key": "tls/key.pem"}
    (folder / "config.yaml").write_text(yaml.safe_dump({**config, "services": HOME}))
    done = run("serve", *CONFIG_ARGS, cwd=tmp_path)
    assert done.returncode == 1
    for name in ("cert", "key"):
        assert f"gateway.tls.{name}: house/conf/tls/{name}.pem: file not found" in done.stderr
    done = run("check", *CONFIG_ARGS, cwd=tmp_path)
    assert "house/conf/ca.pem" in done.stdout


def test_the_recipe_for_conformance_works_as_it_is_written(tmp_path: Path) -> None:
    holder = Served(tmp_path)  # of a port
    port = str(holder.port)
    done = run("conformance", "--profile", "under/test", "--port", port, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    (line,) = (line for line in done.stderr.splitlines() if line.startswith("serve it: "))
    process = started(*line.partition("agent-gate ")[2].split(), cwd=tmp_path)
    assert process.stdout is not None
    assert f"listening on ws://127.0.0.1:{port} " in process.stdout.readline()
    process.terminate()
    assert process.wait(BOUND_S) == 0
