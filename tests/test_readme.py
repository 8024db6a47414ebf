"""What the README shows works: its snippets are run, in order, against a real gateway."""

from __future__ import annotations

import json
import os
import re
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
import pytest

from agentgate_server.policy import Policy
from agentgate_server.tools.catalogue import Catalogue

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
BOUND_S = 30.0


def blocks(language: str, text: str = README) -> list[str]:
    """The fenced blocks of a language, in order."""
    return re.findall(rf"^```{language}\n(.*?)^```$", text, flags=re.DOTALL | re.MULTILINE)


SDK_PROGRAMS = blocks("python", (ROOT / "docs" / "sdk.md").read_text(encoding="utf-8"))


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


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, str, dict[str, str]]]:
    """The quick start's first block, carried out; only the installation and the port differ."""
    folder = tmp_path_factory.mktemp("readme")
    first = blocks("bash")[0]
    assert first.splitlines()[0] == "pip install ."
    assert first.splitlines()[-1] == "agent-gate serve"
    setup = "\n".join(first.splitlines()[1:-1])
    done = run(f"set -e\n{setup}\npwd", folder)
    assert done.returncode == 0, done.stderr
    home = Path(done.stdout.splitlines()[-1])
    port = free_port()
    config = home / "config.yaml"
    config.write_text(config.read_text().replace("8443", str(port)))
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


def test_the_quick_start_ends_as_it_says(served: tuple[Path, str, dict[str, str]]) -> None:
    home, url, tokens = served
    _, watch, agent = blocks("bash")[:3]
    with (
        started(watch, home, AGENT_GATE_URL=url) as person,
        started(f"{agent}\necho ended $?", home, AGENT_GATE_URL=url) as asking,
    ):
        approve_next(home, url, tokens["APPROVER_TOKEN"])
        assert asking.stdout is not None
        said = ""
        while "ended" not in said:
            line = asking.stdout.readline()
            assert line, said
            said += line
        assert person.stdout is not None
        shown = person.stdout.readline()
        while "write_note" not in shown:
            line = person.stdout.readline()
            assert line, shown
            shown += line
    assert "T" in said.splitlines()[0], "get_time was allowed"
    assert "notes/milk.txt" in said
    assert "ended 1" in said, "the last one is denied"
    assert (home / "notes" / "milk.txt").read_text() == "buy milk"
    assert not (home / "notes" / "secret.txt").exists()


def test_the_python_snippet_runs(
    served: tuple[Path, str, dict[str, str]], capsys: pytest.CaptureFixture[str]
) -> None:
    home, url, tokens = served
    names: dict[str, Any] = {}
    exec(compile(blocks("python")[0], "README.md", "exec"), names)

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
    exec(compile(blocks("python")[1], "README.md", "exec"), names)
    catalogue = Catalogue.of(names["get_temperature"], names["set_light"])
    effects = {tool.name: tool.effects.value for tool in catalogue}
    assert effects == {"get_temperature": "read", "set_light": "write"}


def test_the_policy_snippet_loads() -> None:
    policy = Policy.parse(blocks("yaml")[0])
    assert policy.warnings(["set_thermostat", "ha_call_service", "ha_get_state"]) == []


def test_every_link_of_the_readme_leads_somewhere() -> None:
    for target in re.findall(r"\]\((?!http|#)([^)#]+)", README):
        assert (ROOT / target).exists(), target
