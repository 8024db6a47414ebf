"""What every port's client must do with a real gateway, whatever its language."""

from __future__ import annotations

from typing import Any

from tests.e2e.process import GatewayProcess
from tests.ports.node import JavaScriptClient

WHY = "it is getting dark"
WORD = "softer at night: \u00fc"


def allowed_and_denied(client: JavaScriptClient) -> None:
    """A tool runs, policy says no, and a tool fails in its own words."""
    client.call("a", "get_state", entity_id="sensor.temp")
    client.call("b", "forbidden", key="x")
    client.call("c", "broken_write", key="x")
    assert client.wait("a") == {"data": {"entity_id": "sensor.temp", "state": "21.3"}}
    assert client.wait("b")["error"]["code"] == -32003
    error = client.wait("c")["error"]
    assert error["code"] == -32004
    assert "the motor of x is stuck" in error["message"]


def words_and_edits(gateway: GatewayProcess, client: JavaScriptClient) -> None:
    """A client says why; with a yes and with a no it hears what the person said, and what ran."""
    decided(gateway, client, "yes", {"decision": "approve", "edit": {"set": {"key": "less"}}})
    told = {"word": WORD, "edited": {"key": "less"}}
    assert client.wait("yes") == {"data": {"data": "wrote less", **told}}
    decided(gateway, client, "no", {"decision": "deny"})
    error = client.wait("no")["error"]
    assert (error["code"], error["data"]) == (-32001, {"word": WORD})
    assert gateway.starts() == {("asked_write", "less"): 1}


def decided(
    gateway: GatewayProcess, client: JavaScriptClient, name: str, answer: dict[str, Any]
) -> None:
    """Let the client ask under this name, and a person answer so, with a word."""
    more = {"why": WHY, "options": {"why": WHY}}  # the one in Java, the other in JavaScript
    client.begin(name, "ask", tool="asked_write", args={"key": name}, **more)
    (row,) = gateway.wait_for_approvals()
    assert row["why"] == WHY
    assert gateway.http(f"/api/approvals/{row['id']}", {**answer, "word": WORD})[0] == 200
