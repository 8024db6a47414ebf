"""A client on a pipe, a bridge, and a gateway that does what a test says."""

from __future__ import annotations

from itertools import count
from typing import Any, TypeVar

import msgspec

from agentgate_proto.faces.mcp.bridge import Bridge
from agentgate_proto.faces.mcp.bridge_events import AskTool, BridgeEvent
from agentgate_proto.faces.mcp.bridge_link import BridgeSettings
from agentgate_proto.faces.mcp.dispatch import Gate
from agentgate_proto.records.outcome import Outcome, executed
from agentgate_proto.records.request import Effects
from agentgate_proto.rpc.results import Expectation, ToolRow

EventT = TypeVar("EventT", bound=BridgeEvent)

MODERN_META = {
    "io.modelcontextprotocol/protocolVersion": "2026-07-28",
    "io.modelcontextprotocol/clientCapabilities": {},
}


def tool(name: str, effects: Effects = Effects.WRITE, **more: Any) -> ToolRow:
    """A tool of the gateway."""
    return ToolRow(
        name=name,
        description=f"does {name}",
        effects=effects,
        args={"type": "object", "properties": {"on": {"type": "boolean"}}},
        decision=Expectation.ASK,
        **more,
    )


TOOLS = [tool("light.set"), tool("light.get", Effects.READ)]


class Talk:
    """What is said on both sides of a bridge.

    Args:
        hold_s: see ``BridgeSettings``.
        tools: what the gateway has, and the bridge knows; None: the gateway is away.
    """

    def __init__(self, hold_s: float | None = None, tools: list[ToolRow] | None = TOOLS) -> None:
        settings = BridgeSettings(address="ws://gate", hold_s=hold_s)
        self.bridge = Bridge(Gate(version="1", tasks=False), settings)
        self.now = 1_000.0
        self._ids = count(1)
        if tools is not None:
            self.up(tools)

    # The client

    def say(self, **message: Any) -> None:
        """Say something as the client."""
        line = msgspec.json.encode({"jsonrpc": "2.0", **message}) + b"\n"
        self.bridge.receive_data(line, self.now)

    def request(self, method: str, modern: bool = True, **params: Any) -> int:
        """Ask for something; return the id."""
        request_id = next(self._ids)
        meta = (MODERN_META if modern else {}) | params.pop("meta", {})
        self.say(id=request_id, method=method, params={**params, "_meta": meta})
        return request_id

    def call(self, name: str, modern: bool = True, **more: Any) -> int:
        """Call a tool; return the id."""
        meta = more.pop("meta", {})
        return self.request("tools/call", modern, name=name, arguments=more, meta=meta)

    def begin(self, version: str = "2025-11-25") -> None:
        """Begin as a legacy client does."""
        params = {"protocolVersion": version, "capabilities": {}, "clientInfo": {"name": "c"}}
        self.say(id="begin", method="initialize", params=params)
        self.say(method="notifications/initialized")
        assert self.heard()[0]["result"]["protocolVersion"] == version

    def cancel(self, request_id: int | str) -> None:
        """Say that an answer is not wanted any more."""
        self.say(method="notifications/cancelled", params={"requestId": request_id})

    def heard(self) -> list[Any]:
        """What the client has heard since."""
        return [msgspec.json.decode(line) for line in self.bridge.data_to_send().splitlines()]

    def answer(self, request_id: int | str) -> Any:
        """The one thing that was heard since: the answer to this."""
        (message,) = self.heard()
        assert message["id"] == request_id
        return message["result"] if "result" in message else message["error"]

    def text(self, request_id: int | str) -> str:
        """The text of the one answer, which is an error of a tool."""
        result = self.answer(request_id)
        assert result["isError"]
        text: str = result["content"][0]["text"]
        return text

    def told(self) -> list[str]:
        """The signs of life that were heard since, and nothing else."""
        messages = self.heard()
        assert {each["method"] for each in messages} <= {"notifications/progress"}
        return [each["params"]["message"] for each in messages]

    # The gateway

    def up(self, tools: list[ToolRow]) -> None:
        """The gateway comes, and says what there is."""
        self.bridge.link_up()
        assert [type(event).__name__ for event in self.events()] == ["ListTools"]
        self.bridge.listed(tools, self.now)

    def events(self) -> list[BridgeEvent]:
        """What the bridge wants done since."""
        found = []
        while (event := self.bridge.next_event()) is not None:
            found.append(event)
        return found

    def wanted(self, kind: type[EventT]) -> EventT:
        """The one thing that it wants done since."""
        (event,) = self.events()
        assert isinstance(event, kind)
        return event

    def asked(self) -> AskTool:
        """The request that it wants made."""
        return self.wanted(AskTool)

    def settle(self, number: int, end: Outcome | None = None) -> None:
        """A request ends, well if nothing else is said."""
        self.bridge.settled(number, end or executed(b"true"), self.now)

    # Time

    def wait(self, seconds: float) -> None:
        """Let time pass, with all that is due on the way."""
        end = self.now + seconds
        while (at := self.bridge.next_deadline()) is not None and at <= end:
            self.now = max(self.now, at)
            self.bridge.handle_timer(self.now)
            later = self.bridge.next_deadline()
            assert later is None or later > self.now, "a timer that does not move on"
        self.now = end
