"""What every port's client must do with a real gateway, whatever its language."""

from __future__ import annotations

from tests.ports.node import JavaScriptClient


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
