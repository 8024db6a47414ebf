"""Stories of a client, a bridge and a gateway, by chance: each call is answered once."""

from __future__ import annotations

from collections import Counter
from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st
from tests.proto.faces.mcp.bridged import TOOLS, Talk, tool

from agentgate_proto.errors import ErrorCode
from agentgate_proto.faces.mcp.bridge_calls import Refusal
from agentgate_proto.faces.mcp.bridge_endings import FoundRow
from agentgate_proto.faces.mcp.bridge_events import (
    AskTool,
    BridgeEvent,
    FindRequest,
    ListTools,
    LookUp,
    WithdrawTool,
)
from agentgate_proto.faces.mcp.bridge_looking import LOOK_MAX_S
from agentgate_proto.records.outcome import Outcome, Status, ended, executed, unknown

PERMITS = [*TOOLS, tool("permit.Bash")]
NAMES = ("light_set", "light_get", "permit", "gate_result", "odd")
ENDS: tuple[Outcome | Refusal, ...] = (
    executed(b'{"on":true}'),
    ended(Status.DENIED, ErrorCode.DENIED_BY_PERSON),
    unknown("it died"),
    Refusal(ErrorCode.LIMIT_EXCEEDED, "full"),
)
UNTIL = "2033-05-18T03:33:20Z"
MOVES = (
    "call",
    "list",
    "cancel",
    "wait",
    "up",
    "away",
    "listed",
    "asked",
    "settle",
    "named",
    "miss",
    "found",
)
moves = st.lists(st.tuples(st.sampled_from(MOVES), st.integers(0, 9)), max_size=60)


class Story:
    """Plays moves, and keeps the books of both sides."""

    def __init__(self, hold_s: float | None) -> None:
        self.talk = Talk(hold_s, tools=None)
        self.open: list[int] = []
        self.cancelled: set[int] = set()
        self.answers: Counter[int] = Counter()
        self.asked: list[AskTool] = []
        self.looks: list[LookUp] = []
        self.listing = False
        self.calls_of_tools = 0

    def play(self, move: str, number: int) -> None:
        """Make one move; one that can't be made now is none."""
        talk, bridge = self.talk, self.talk.bridge
        match move:
            case "call":
                self.open.append(self.call(NAMES[number % len(NAMES)], number))
            case "list":
                self.open.append(talk.request("tools/list", modern=number % 2 == 0))
            case "cancel" if self.open:
                request_id = self.open[number % len(self.open)]
                talk.cancel(request_id)
                self.cancelled.add(request_id)
            case "wait":
                talk.wait(float(number * 7))
            case "up" if not bridge.link.is_up:
                bridge.link_up()
            case "away" if bridge.link.is_up:
                bridge.link_away("cut", talk.now)
                self.listing = False
            case "listed" if self.listing:
                self.listing = False
                bridge.listed(PERMITS if number % 2 else TOOLS, talk.now)
            case "asked" if self.asked:
                asked = self.asked[number % len(self.asked)]
                bridge.waiting(asked.number, 2e9, "rule", talk.now)
            case "named" if self.asked:
                bridge.named(self.asked[number % len(self.asked)].number, f"r{number}")
            case "settle" if self.asked:
                asked = self.asked.pop(number % len(self.asked))
                bridge.settled(asked.number, ENDS[number % len(ENDS)], talk.now)
            case "found" if self.looks:
                look = self.looks.pop(number % len(self.looks))
                bridge.found(look.number, self.row(look.rid, number), talk.now)
            case "miss" if self.looks:
                look = self.looks.pop(number % len(self.looks))
                bridge.not_found(look.number, Refusal(ErrorCode.NOT_FOUND, "none"), talk.now)
            case _:
                pass
        self.look()

    def call(self, name: str, number: int) -> int:
        """Call something."""
        meta = {"progressToken": number} if number % 3 else {}
        arguments: dict[str, Any] = {"on": number % 2 == 0}
        if name == "permit":
            arguments = {"tool_name": "Bash", "input": {"command": "ls"}}
        if name == "gate_result":
            arguments = {"request_id": f"r{number}"}
        else:
            self.calls_of_tools += 1
        return self.talk.call(name, meta=meta, **arguments)

    def row(self, rid: str, number: int) -> FoundRow:
        """How a request stands that is looked at."""
        if number % 3 == 0:
            more = {"phase": "done", "status": "executed"}
        else:
            more = {
                "phase": ("running", "waiting")[number % 2],
                "expires_at": UNTIL,
            }
        raw = msgspec.json.encode({"id": rid, "tool": "light.set", "args": {"on": True}, **more})
        return msgspec.json.decode(raw, type=FoundRow)

    def look(self) -> None:
        """See what came of it."""
        for event in self.talk.events():
            self.take(event)
        for message in self.talk.heard():
            if "id" in message:
                self.answers[message["id"]] += 1
                assert ("result" in message) != ("error" in message)
            else:
                assert message["method"].startswith("notifications/")

    def take(self, event: BridgeEvent) -> None:
        """Take what the bridge wants done."""
        match event:
            case ListTools():
                assert not self.listing, "one look at a time"
                assert self.talk.bridge.link.is_up
                self.listing = True
            case AskTool():
                assert self.calls_of_tools, "nobody has called a tool"
                self.asked.append(event)
            case LookUp():
                self.looks.append(event)
            case WithdrawTool(number=number):
                assert number in {each.number for each in self.asked}
                self.asked = [each for each in self.asked if each.number != number]
            case _:
                assert isinstance(event, FindRequest)

    def finish(self) -> None:
        """Let everything come to its end."""
        self.play("up", 0)
        for _ in range(3):
            self.play("listed", 1)
            while self.looks:
                self.play("miss", 0)
            while self.asked:
                self.play("settle", 0)
            self.talk.wait(LOOK_MAX_S)
            self.look()


@given(moves=moves, hold_s=st.sampled_from([None, 30.0]))
def test_each_call_is_answered_once_and_none_twice(
    moves: list[tuple[str, int]], hold_s: float | None
) -> None:
    story = Story(hold_s)
    for move, number in moves:
        story.play(move, number)
    story.finish()
    for request_id in story.open:
        wanted = 0 if request_id in story.cancelled else 1
        assert wanted <= story.answers[request_id] <= 1, request_id
