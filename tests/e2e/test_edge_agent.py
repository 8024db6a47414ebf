"""``agent-gate edge``: the ready agent of a device, against a real gateway."""

from __future__ import annotations

import http.server
import json
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import anyio
import pytest
import yaml
from tests.e2e.edge_process import EdgeProcess
from tests.e2e.process import AGENT_TOKEN, GatewayProcess

from agentgate_client import AgentGateClient, AgentGateError

SCRIPT = """
scenes:
  - {when: "fail", fail: {kind: fatal, message: "no such model", times: always}}
  - {when: "say {word}", say: "It says {word}"}
"""
PERMISSIONS = {"rules": [{"tool": "agent.*", "action": "allow"}]}
CHANNELS: dict[str, Any] = {
    "load": {"command": ["echo", '{"one": 0.5}']},
    "plain": {"command": ["echo", "21.5 C"]},
}


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GatewayProcess]:
    folder = tmp_path_factory.mktemp("gate")
    (folder / "scenes.yaml").write_text(SCRIPT)
    models = {"actor": {"backend": "rehearsal", "script": "scenes.yaml"}}
    with GatewayProcess(folder, {"sessions": {"models": models}}, PERMISSIONS) as gateway:
        yield gateway


def run(folder: Path, *options: str, asked: str = "", **keys: Any) -> tuple[int, str, str]:
    """Run the command to its end."""
    path = folder / "edge.yaml"
    path.write_text(yaml.safe_dump(keys))
    path.chmod(0o600)
    done = subprocess.run(
        [str(Path(sys.executable).with_name("agent-gate")), "edge", *options],
        cwd=folder,
        check=False,
        input=asked,
        capture_output=True,
        text=True,
        timeout=30,
    )
    return done.returncode, done.stdout, done.stderr


def reach(gateway: GatewayProcess, token: str = AGENT_TOKEN) -> dict[str, str]:
    return {"url": gateway.url, "token": token}


def test_what_is_asked_once_is_answered_and_it_ends(
    tmp_path: Path, gateway: GatewayProcess
) -> None:
    asked = 'say hello\n\n{"id": "7", "text": "say again"}\n{"text": 5}\nfail\n'
    code, output, errors = run(tmp_path, "--once", asked=asked, gateway=reach(gateway))
    assert code == 0, errors
    lines = [line for line in output.splitlines() if "to answer" not in line]
    answers = "\n".join(lines)
    assert "> say hello\nIt says hello\n> say again\nIt says again\n" in answers
    assert "not asked: a line that is no prompt" in output
    assert "connected, " in output
    assert "no such model" in output
    code, output, _ = run(tmp_path, "--once", "--json", asked=asked, gateway=reach(gateway))
    rows = [json.loads(line) for line in output.splitlines()]
    assert {row["event"] for row in rows} == {"kept", "refused", "state", "answer"}
    (state,) = [row for row in rows if row.get("state") == "connected"]
    assert state["error"] == ""
    assert state["prompts_waiting"] in range(4)
    (row,) = [row for row in rows if row["event"] == "answer" and row["id"] == "7"]
    assert (row["status"], row["text"], row["again"]) == ("completed", "It says again", False)


def test_a_check_shows_each_channel_and_greets_the_gateway(
    tmp_path: Path, gateway: GatewayProcess
) -> None:
    code, output, _ = run(tmp_path, "--check", gateway=reach(gateway), channels=CHANNELS)
    assert code == 0
    assert output.splitlines() == [
        'channel load: {"one":0.5}',
        'channel plain: "21.5 C"',
        f"gateway {gateway.url}: we are agent",
    ]
    bad = {"gone": {"command": ["nothing-here"]}}
    code, output, _ = run(tmp_path, "--check", gateway=reach(gateway), channels=bad)
    assert code == 1
    assert "channel gone: nothing-here can't be started" in output
    wrong = reach(gateway, "wrong-token-0123456789")
    code, output, _ = run(tmp_path, "--check", gateway=wrong)
    assert code == 3
    assert "Invalid token" in output
    code, _, errors = run(tmp_path, gateway={**reach(gateway), "tokn": "x"})
    assert code == 1
    assert "edge.yaml:" in errors
    assert "tokn" in errors


def test_its_channels_and_tools_are_the_gateways_while_it_is_there(
    tmp_path: Path, gateway: GatewayProcess
) -> None:
    lamp = {"command": ["cat"], "args": {"type": "object"}, "description": "Echo"}
    edge = EdgeProcess(
        tmp_path, gateway.url, AGENT_TOKEN, channels=CHANNELS, tools={"lamp": lamp}
    ).start()

    async def use() -> None:
        async with AgentGateClient(gateway.url, AGENT_TOKEN) as client:
            with anyio.fail_after(20):
                while "agent.lamp" not in [one["name"] for one in await client.list_tools()]:
                    await anyio.sleep(0.01)
            found = await client.tool_request("agent.data_snapshot", channels=["load"])
            assert found["load"]["data"] == {"one": 0.5}
            assert await client.tool_request("agent.lamp", on=True) == {"on": True}
            assert edge.process is not None
            edge.process.send_signal(signal.SIGTERM)
            assert edge.wait() == 0
            with anyio.fail_after(20):
                while "agent.lamp" in [one["name"] for one in await client.list_tools()]:
                    await anyio.sleep(0.01)
            with pytest.raises(AgentGateError):
                await client.call("agent.lamp", {"on": True}, timeout_s=0.5)

    anyio.run(use)


def test_answers_go_to_a_local_endpoint(tmp_path: Path, gateway: GatewayProcess) -> None:
    got: list[Any] = []

    class Screen(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            length = int(self.headers["content-length"])
            got.append((self.headers["x-key"], json.loads(self.rfile.read(length))))
            self.send_response(500 if len(got) == 1 else 204)
            self.end_headers()

        def log_message(self, *args: Any) -> None:
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), Screen) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        url = f"http://127.0.0.1:{server.server_port}/show"
        hook = {"answer": {"http": {"url": url, "headers": {"X-Key": "k"}}}}
        code, output, errors = run(
            tmp_path,
            *("--once", "--json"),
            asked="say one\nsay two\n",
            gateway=reach(gateway),
            events=hook,
        )
        server.shutdown()
        thread.join()
    assert code == 0
    assert [(key, row["text"]) for key, row in got] == [("k", "It says one"), ("k", "It says two")]
    rows = [json.loads(line) for line in output.splitlines()]
    (failed,) = [row for row in rows if row["event"] == "handler_failed"]
    assert failed["error"] == "the endpoint answers 500"
    assert "a handler of 'answer' failed" in errors


def test_one_spool_is_of_one_agent(tmp_path: Path, gateway: GatewayProcess) -> None:
    edge = EdgeProcess(tmp_path, gateway.url, AGENT_TOKEN).start()
    edge.until(lambda: any(row.get("state") == "connected" for row in edge.rows))
    keys = yaml.safe_load((tmp_path / "edge.yaml").read_text())
    code, _, errors = run(tmp_path, "--once", **keys)
    assert code == 1
    assert "another process uses it" in errors
    edge.kill()
