"""What the README shows works: its snippets are run, in order, against a real gateway."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import anyio
import msgspec
import pytest
import yaml
from tests.cli.looking import looking
from tests.e2e.vendor_world import world
from tests.server.policy.helpers import unknown_tools

from agentgate_proto.errors import ERRORS
from agentgate_proto.rpc.decoding import decode_params
from agentgate_proto.rpc.messages import METHODS
from agentgate_server.config import ConfigFile, config_from_dict
from agentgate_server.policy import Policy
from agentgate_server.policy.form import RuleForm
from agentgate_server.tools.catalogue import Catalogue

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
BOUND_S = 30.0


def blocks(language: str, text: str = README) -> list[str]:
    """The fenced blocks of a language, in order."""
    return re.findall(rf"^```{language}\n(.*?)^```$", text, flags=re.DOTALL | re.MULTILINE)


SECTIONS = README.split("\n## ")


def section(title: str) -> str:
    """The text below a heading."""
    return next(text for text in SECTIONS if text.startswith(title))


def document(name: str) -> str:
    """A page of the documents."""
    return (ROOT / "docs" / name).read_text(encoding="utf-8")


SDK_PROGRAMS = [
    program for name in ("sdk.md", "edge.md") for program in blocks("python", document(name))
]


def environment(**more: str) -> dict[str, str]:
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return {**os.environ, "PATH": path, **more}


def run(script: str, folder: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["bash", "-c", script],
        check=False,
        cwd=folder,
        env=environment(**variables),
        capture_output=True,
        text=True,
        timeout=BOUND_S,
    )


@contextmanager
def started(script: str, folder: Path, **variables: str) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        ["bash", "-c", f"exec bash <<'END'\n{script}\nEND"],
        cwd=folder,
        env=environment(**variables),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        stdin=subprocess.DEVNULL,
        text=True,
        start_new_session=True,
    )
    try:
        yield process
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(BOUND_S)
        assert process.stdout is not None
        process.stdout.close()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def quick_start(folder: Path) -> tuple[Path, int]:
    """Carry out the quick start's first block; only the installation and the port differ.

    Returns:
        The gateway's folder, and its port.
    """
    first = blocks("bash")[0]
    assert first.splitlines()[0].split("#")[0].strip() == "pipx install ."
    assert first.splitlines()[-1].split("#")[0].strip() == "agent-gate serve --watch"
    setup = "\n".join(first.splitlines()[1:-1])
    done = run(f"set -e\n{setup}\npwd", folder)
    assert done.returncode == 0, done.stderr
    home = Path(done.stdout.splitlines()[-1])
    port = free_port()
    config = home / "config.yaml"
    config.write_text(config.read_text().replace("8443", str(port)))
    return home, port


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, str, dict[str, str]]]:
    """The gateway of the quick start, without a terminal."""
    home, port = quick_start(tmp_path_factory.mktemp("readme"))
    tokens = dict(
        line.split("=", 1)
        for line in (home / ".env").read_text().splitlines()
        if line.endswith(tuple("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-"))
        and not line.startswith("#")
    )
    with started("exec agent-gate serve", home) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert f"127.0.0.1:{port}" in line, line
        yield home, f"ws://127.0.0.1:{port}", tokens


def waiting(home: Path, url: str, token: str) -> list[dict[str, Any]]:
    done = run("agent-gate approvals list --json", home, AGENT_GATE_URL=url, AGENT_GATE_TOKEN=token)
    assert done.returncode == 0, done.stderr
    found: list[dict[str, Any]] = json.loads(done.stdout)["approvals"]
    return found


def approve_next(home: Path, url: str, token: str) -> None:
    end = time.monotonic() + BOUND_S
    while not (found := waiting(home, url, token)):
        assert time.monotonic() < end, "nothing waits for approval"
    done = run(
        f"agent-gate approvals approve {found[0]['id']}",
        home,
        AGENT_GATE_URL=url,
        AGENT_GATE_TOKEN=token,
    )
    assert done.returncode == 0, done.stderr


def test_the_quick_start_ends_as_it_says(tmp_path: Path) -> None:
    home, _ = quick_start(tmp_path)
    agent = blocks("bash")[1]
    with looking("serve", "--watch", cwd=home) as person:
        person.see("watching as owner")
        with started(f"{agent}\necho ended $?", home.parent) as asking:
            person.see("write_note(milk, buy milk)")
            person.see("approve? [y]es")
            person.type("y\n")
            person.see("write_note: done")
            assert asking.stdout is not None
            said = asking.stdout.read()
        person.interrupt()
        assert person.end() == 0
    assert "T" in said.splitlines()[0], "get_time was allowed"
    assert "notes/milk.txt" in said
    assert "ended 1" in said, "the last one is denied"
    assert (home / "notes" / "milk.txt").read_text() == "buy milk"
    assert not (home / "notes" / "secret.txt").exists()


def test_one_talks_to_a_model_as_it_says(
    served: tuple[Path, str, dict[str, str]], tmp_path: Path
) -> None:
    home, _, _ = served
    here, there = blocks("bash", document("sessions.md"))
    done = run(here.splitlines()[0], tmp_path)
    assert (done.returncode, done.stdout) == (0, "17 * 3 = 51.\n"), done.stderr
    done = run(f"set -e\n{there}", home)
    assert done.returncode == 0, done.stderr
    for text in (
        "get_time answered: ",
        'Your previous message was: "call get_time"',
        "you: What was my previous question?",
        "system_prompt",
        "together",
        "rehearsal",
    ):
        assert text in done.stdout, done.stdout
    config = blocks("yaml", document("sessions.md"))[0]
    data = msgspec.yaml.decode(config.replace("${ANTHROPIC_API_KEY}", "key"))
    loaded = config_from_dict({"agent": {"token": "t" * 40}, **data}, folder=tmp_path)
    assert list(loaded.sessions.models) == ["claude-sonnet-4.5"]


def test_an_mcp_client_is_connected_as_it_says(served: tuple[Path, str, dict[str, str]]) -> None:
    home, url, tokens = served
    (setup,) = blocks("bash", section("Your agent\n"))
    settings = home / "of the user"
    done = run(setup, home, AGENT_GATE_URL=url, XDG_CONFIG_HOME=str(settings))
    assert done.returncode == 0, done.stderr
    written = (home / ".mcp.json").read_text()
    assert tokens["AGENT_TOKEN"] not in written
    server = json.loads(written)["mcpServers"]["gate"]
    asked = [
        {"method": "initialize", "params": {"protocolVersion": "2025-11-25", "capabilities": {}}},
        {"method": "tools/list", "params": {}},
        {"method": "tools/call", "params": {"name": "get_time", "arguments": {}}},
    ]
    lines = [{"jsonrpc": "2.0", "id": number, **each} for number, each in enumerate(asked)]
    with subprocess.Popen(
        [server["command"], *server["args"]],
        cwd=home,
        env=environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as client:
        assert client.stdin is not None
        assert client.stdout is not None
        answers = []
        for line in lines:
            client.stdin.write(json.dumps(line) + "\n")
            client.stdin.flush()
            answers.append(json.loads(client.stdout.readline()))
        client.stdin.close()
        assert client.wait(BOUND_S) == 0
    names = [tool["name"] for tool in answers[1]["result"]["tools"]]
    assert {"get_time", "write_note", "gate_result"} <= set(names)
    assert answers[2]["result"]["isError"] is False


def test_a_program_of_openais_is_connected_as_it_says(
    served: tuple[Path, str, dict[str, str]], tmp_path: Path
) -> None:
    home, _, tokens = served
    text = document("chat-completions.md")
    config, (program,) = blocks("yaml", text)[0], blocks("python", text)
    folder = tmp_path / "gateway"
    shutil.copytree(home, folder, ignore=shutil.ignore_patterns("data", "of the user"))
    file = folder / "config.yaml"
    port = free_port()
    written = re.sub(r"^  port: \d+", f"  port: {port}", file.read_text(), flags=re.MULTILINE)
    file.write_text(f"{written}\n{config}")
    with started("exec agent-gate serve", folder) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert f"127.0.0.1:{port}" in line, line
        (tmp_path / "chat.py").write_text(program)
        done = run(
            f"{sys.executable} chat.py",
            tmp_path,
            GATE_URL=f"http://127.0.0.1:{port}",
            GATE_TOKEN=tokens["AGENT_TOKEN"],
        )
    assert done.returncode == 0, done.stderr
    assert "get_time answered: " in done.stdout


def test_an_agent_in_ten_lines_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (program,) = blocks("python", section("Your agent\n"))
    code = program.replace("\n\n", "\n").splitlines()
    assert len([line for line in code if not re.match(r"(import|from) ", line)]) <= 15
    (tmp_path / "agent.py").write_text(program)

    async def play() -> str:
        async with world() as here:
            here.models.turns.extend(
                [[("c1", "write_note", {"name": "milk", "text": "x"})], "Done."]
            )
            said = await here.run(tmp_path / "agent.py")
            assert '{"name":"milk","bytes":1}' in str(here.models.bodies[-1])
            return said

    monkeypatch.setenv("OPENAI_MODEL", "rehearsed")
    assert anyio.run(play) == "Done."


def test_the_python_snippet_runs(
    served: tuple[Path, str, dict[str, str]], capsys: pytest.CaptureFixture[str]
) -> None:
    home, url, tokens = served
    names: dict[str, Any] = {}
    exec(compile(blocks("python", section("From Python"))[0], "README.md", "exec"), names)

    async def play() -> None:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(
                anyio.to_thread.run_sync, approve_next, home, url, tokens["APPROVER_TOKEN"]
            )
            await names["main"](url, tokens["AGENT_TOKEN"])

    anyio.run(play)
    assert "T" in capsys.readouterr().out


@pytest.mark.parametrize("number", range(len(SDK_PROGRAMS)))
def test_a_program_of_the_sdks_reference_runs(
    served: tuple[Path, str, dict[str, str]], number: int
) -> None:
    home, url, tokens = served
    program = home / f"sdk_{number}.py"
    program.write_text(SDK_PROGRAMS[number], encoding="utf-8")
    done = run(
        f"{sys.executable} {program.name}",
        home,
        GATE_URL=url,
        GATE_TOKEN=tokens["AGENT_TOKEN"],
        GATE_APPROVER_TOKEN=tokens["APPROVER_TOKEN"],
    )
    assert done.returncode == 0, done.stderr


def test_the_tools_snippet_declares_tools() -> None:
    names: dict[str, Any] = {}
    exec(compile(blocks("python", section("From Python"))[1], "README.md", "exec"), names)
    catalogue = Catalogue.of(names["get_temperature"], names["set_light"])
    effects = {tool.name: tool.effects.value for tool in catalogue}
    assert effects == {"get_temperature": "read", "set_light": "write"}


@pytest.mark.parametrize("page", sorted((ROOT / "docs").glob("*.md")), ids=lambda page: page.stem)
def test_what_a_page_shows_as_yaml_can_be_read(page: Path) -> None:
    for block in blocks("yaml", page.read_text(encoding="utf-8")):
        yaml.safe_load(block)


def test_the_policy_snippet_loads() -> None:
    policy = Policy.parse(blocks("yaml")[0])
    assert unknown_tools(policy, "set_thermostat", "ha_call_service", "ha_get_state") == []


@pytest.mark.seed001("FR11-AC1")
def test_it_says_what_this_is_draws_the_flow_and_explains_the_security_model() -> None:
    assert "A gate between AI agents and the world" in SECTIONS[0]
    (picture,) = blocks("", SECTIONS[0])
    assert all(word in picture for word in ("agent", "gateway", "person", "policy", "tool"))
    model = section("Security model")
    assert "Not protected" in model
    assert "docs/security.md" in model


@pytest.mark.seed001("FR11-AC2")
def test_the_quick_start_installs_configures_and_runs() -> None:
    first = blocks("bash", section("Quick start"))[0].splitlines()
    assert [line.split()[:2] for line in first] == [
        ["pipx", "install"],
        ["agent-gate", "init"],
        ["cd", "my-gateway"],
        ["agent-gate", "serve"],
    ]


@pytest.mark.seed001("FR11-AC3")
def test_the_sdk_is_shown_with_its_context_manager_a_request_and_its_errors() -> None:
    (program, _) = blocks("python", section("From Python"))
    for text in ("async with AgentGateClient(", "await gw.tool_request(", "except AgentGateDenied"):
        assert text in program


@pytest.mark.seed001("FR11-AC4")
def test_docker_is_explained_by_the_compose_file_that_is_there() -> None:
    text = section("Docker")
    assert "docker compose up -d" in text
    assert "`docker-compose.yml`" in text
    for name in re.findall(r"^cp (\S+)", text, re.MULTILINE):
        assert (ROOT / name).is_file()


@pytest.mark.seed001("FR11-AC5")
def test_every_section_of_the_configuration_and_every_key_of_a_rule_is_named() -> None:
    keys = {field.encode_name for field in msgspec.structs.fields(ConfigFile)}
    named = section("Configuration")
    assert {key for key in keys if f"`{key}`" not in named} == set()
    keys = {field.encode_name for field in msgspec.structs.fields(RuleForm)}
    named = section("Policy") + (ROOT / "docs" / "policy.md").read_text(encoding="utf-8")
    assert {key for key in keys if f"`{key}`" not in named and f"{key}:" not in named} == set()


@pytest.mark.seed001("FR11-AC6")
def test_the_protocol_is_shown_in_messages_that_the_core_reads_and_codes_that_it_sends() -> None:
    text = section("Protocol")
    shown = [json.loads(line) for block in blocks("json", text) for line in block.splitlines()]
    for message in shown:
        if "method" in message:
            params = msgspec.Raw(json.dumps(message["params"]).encode())
            decode_params(METHODS[message["method"]], params)
    codes = {int(code) for code in re.findall(r"\| (-\d+) \|", text)}
    assert codes <= set(ERRORS)
    assert {message["error"]["code"] for message in shown if "error" in message} <= codes


def test_every_link_of_the_readme_leads_somewhere() -> None:
    for target in re.findall(r"\]\((?!http|#)([^)#]+)", README):
        assert (ROOT / target).exists(), target
