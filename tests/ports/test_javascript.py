"""The JavaScript port: all client vectors, and the flows of an agent against a real gateway."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.e2e.process import AGENT_TOKEN, GatewayProcess, until
from tests.ports import flows
from tests.ports.node import BOUND_S, PORT, JavaScriptClient, node
from tests.ports.transcripts import transcript

from agentgate_cli.conformance.vectors import load

TRANSCRIPTS = 500


@pytest.fixture
def gateway(tmp_path: Path) -> Iterator[GatewayProcess]:
    with GatewayProcess(tmp_path) as process:
        yield process


@pytest.fixture
def client(gateway: GatewayProcess) -> Iterator[JavaScriptClient]:
    with JavaScriptClient(gateway.url, AGENT_TOKEN, "javascript") as client:
        client.connect()
        yield client


def played(script: str, *folders: Path) -> subprocess.CompletedProcess[str]:
    """Run one of the port's own tests."""
    return subprocess.run(
        [node(), str(PORT / "test" / script), *map(str, folders)],
        capture_output=True,
        text=True,
        timeout=BOUND_S,
        check=False,
    )


def test_it_follows_every_vector_of_a_client() -> None:
    run = played("vectors.js")
    count = len(load("client"))
    assert run.stdout.strip() == f"{count} of {count} client vectors passed", run.stderr
    assert run.returncode == 0


def test_it_does_what_our_own_client_does_whatever_comes(tmp_path: Path) -> None:
    made = [transcript(seed) for seed in range(TRANSCRIPTS)]
    sheet = {"role": "client", "subject": "chance", "vectors": made}
    (tmp_path / "chance.json").write_text(json.dumps(sheet), "utf-8")
    run = played("vectors.js", tmp_path)
    assert run.stdout.strip() == f"{TRANSCRIPTS} of {TRANSCRIPTS} client vectors passed", run.stderr


def test_it_sends_no_half_characters_and_no_token_elsewhere_in_clear_text() -> None:
    run = played("texts.js")
    assert (run.returncode, run.stderr) == (0, "")
    assert run.stdout.strip() == "texts and URLs are as they should be"


def test_it_has_no_dependencies() -> None:
    package = json.loads((PORT / "package.json").read_text("utf-8"))
    assert not [name for name in package if name.endswith("ependencies")]
    for path in (PORT / "src").glob("*.js"):
        for line in path.read_text("utf-8").splitlines():
            if line.startswith("import "):
                assert 'from "./' in line or 'from "node:' in line or " node" in line, line


def test_only_one_file_needs_node() -> None:
    users = [
        path.name for path in (PORT / "src").glob("*.js") if '"node:' in path.read_text("utf-8")
    ]
    assert users == ["node-websocket.js"]


def test_allowed_and_denied(client: JavaScriptClient) -> None:
    flows.allowed_and_denied(client)


def test_a_person_says_yes_and_no(gateway: GatewayProcess, client: JavaScriptClient) -> None:
    client.call("yes", "asked_write", key="k1")
    assert client.wait_for_waiting()["request_id"] == 1
    gateway.decide(gateway.wait_for_approvals()[0]["id"], "approve")
    assert client.wait("yes") == {"data": "wrote k1"}
    client.call("no", "asked_write", key="k2")
    gateway.decide(gateway.wait_for_approvals()[0]["id"], "deny")
    assert client.wait("no")["error"]["code"] == -32001
    assert gateway.starts() == {("asked_write", "k1"): 1}


def test_it_says_why_and_hears_what_people_said_and_changed(
    gateway: GatewayProcess, client: JavaScriptClient
) -> None:
    flows.words_and_edits(gateway, client)


def test_what_it_provides_is_run_and_its_errors_told(tmp_path: Path) -> None:
    rules = {"rules": [{"tool": "agent.*", "action": "allow"}]}
    with (
        GatewayProcess(tmp_path, permissions=rules) as gateway,
        JavaScriptClient(gateway.url, AGENT_TOKEN, "provider") as provider,
        JavaScriptClient(gateway.url, AGENT_TOKEN, "javascript") as client,
    ):
        provider.connect()
        client.connect()
        names = ["double", "broken", "large", "slow"]
        provider.begin("p", "provide", names=names)
        assert provider.wait("p") == {"data": [f"agent.{name}" for name in names]}
        client.call("a", "agent.double", n=21)
        assert client.wait("a") == {"data": 42}
        client.call("b", "agent.double")
        assert client.wait("b")["error"]["code"] == -32602
        client.call("c", "agent.broken")
        assert "TypeError: no motor" in client.wait("c")["error"]["message"]
        client.call("d", "agent.large", n=2_000_000)
        assert "its result can't be sent" in client.wait("d")["error"]["message"]
        client.begin("e", "withdrawn", tool="agent.slow", args={}, afterMs=200)
        assert "error" in client.wait("e")
        provider.wait_for({"aborted": True})
        provider.begin("p", "provide", names=[])
        assert provider.wait("p") == {"data": []}
        client.call("f", "agent.double", n=1)
        assert "Unknown tool" in client.wait("f")["error"]["message"]


def test_patience_ends(gateway: GatewayProcess, client: JavaScriptClient) -> None:
    client.begin("a", "call", tool="asked_write", args={"key": "k"}, options={"timeoutS": 0.1})
    assert client.wait("a")["error"]["code"] == -32008
    assert gateway.approvals() == []


def test_it_learns_by_itself_what_was_decided_while_the_gateway_was_dead(
    gateway: GatewayProcess, client: JavaScriptClient
) -> None:
    client.call("a", "asked_write", key="k1")
    client.call("b", "asked_write", key="k2")
    rows = gateway.wait_for_approvals(2)
    gateway.restart()
    assert {row["id"] for row in gateway.wait_for_approvals(2)} == {row["id"] for row in rows}
    for row in rows:
        gateway.decide(row["id"], "approve")
    assert client.wait("a") == {"data": "wrote k1"}
    assert client.wait("b") == {"data": "wrote k2"}
    assert set(gateway.starts().values()) == {1}


def test_an_outcome_of_a_former_process_is_collected_by_the_next(gateway: GatewayProcess) -> None:
    with JavaScriptClient(gateway.url, AGENT_TOKEN, "stable") as first:
        first.connect()
        first.call("a", "asked_write", key="k")
        row = gateway.wait_for_approvals()[0]
    gateway.decide(row["id"], "approve")
    with JavaScriptClient(gateway.url, AGENT_TOKEN, "stable") as second:
        second.connect()
        second.begin("rows", "collect")
        (found,) = second.wait("rows")["data"]
        assert (found["request_id"], found["status"], found["data"]) == (1, "executed", "wrote k")
        second.call("b", "get_state", entity_id="sensor.temp")
        assert "data" in second.wait("b")
        second.begin("close", "close")
        second.wait("close")
    with JavaScriptClient(gateway.url, AGENT_TOKEN, "stable") as third:
        third.connect()
        third.begin("rows", "collect")
        ids = [row["request_id"] for row in third.wait("rows")["data"]]
        assert 1 not in ids, "it was acknowledged"


def test_a_write_that_ran_when_the_gateway_was_killed_is_unknown(
    gateway: GatewayProcess, client: JavaScriptClient
) -> None:
    client.begin("a", "call", tool="slow_write", args={"key": "k", "seconds": 30})
    until(lambda: gateway.starts()[("slow_write", "k")] or None, "the tool to start")
    gateway.restart()
    assert client.wait("a")["error"]["code"] == -32007
    assert gateway.starts()[("slow_write", "k")] == 1


def test_a_signal_withdraws_a_call(gateway: GatewayProcess, client: JavaScriptClient) -> None:
    client.begin("a", "withdrawn", tool="asked_write", args={"key": "k"}, afterMs=200)
    assert client.wait("a")["error"]["code"] == 23, "the signal's own TimeoutError"
    until(lambda: gateway.approvals() == [] or None, "the approval to be withdrawn")


def test_the_adapter_for_browsers_does_the_same(gateway: GatewayProcess) -> None:
    with JavaScriptClient(gateway.url, AGENT_TOKEN, "page", browser=True) as page:
        page.connect()
        page.call("a", "get_state", entity_id="sensor.temp")
        assert page.wait("a")["data"]["state"] == "21.3"
        page.call("b", "asked_write", key="k")
        row = gateway.wait_for_approvals()[0]
        gateway.restart()
        gateway.decide(row["id"], "approve")
        assert page.wait("b") == {"data": "wrote k"}
        page.begin("close", "close")
        assert page.wait("close")["data"] is True
    with JavaScriptClient(gateway.url, "a wrong token", "page", browser=True) as page:
        page.begin("connect", "connect")
        assert page.wait("connect")["error"]["code"] == -32005


def test_without_pings_it_makes_a_small_call() -> None:
    script = str(PORT / "test" / "browser.js")
    run = subprocess.run([node(), script], capture_output=True, text=True, check=False)
    assert run.stdout == "passed\n", run.stderr


def test_a_wrong_token_is_final(gateway: GatewayProcess) -> None:
    with JavaScriptClient(gateway.url, "a wrong token", "x") as client:
        client.begin("connect", "connect")
        assert client.wait("connect")["error"]["code"] == -32005


def test_closing_ends_the_process_in_order(
    gateway: GatewayProcess, client: JavaScriptClient
) -> None:
    client.call("a", "asked_write", key="k")
    gateway.wait_for_approvals()
    client.begin("close", "close")
    assert client.wait("a")["error"]["code"] == -32000
    assert client.wait("close")["data"] is True
    assert client.process.stdin is not None
    client.process.stdin.close()
    assert client.process.wait(BOUND_S) == 0
