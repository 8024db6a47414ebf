"""Agents on a client that is neither ours nor the old one: it names itself, and is eager.

It sends everything that it waits for again on each connection, without asking what is known, and
now and then twice on the same one; at times it even sends something else under an id in use. Of
all that comes under one id one thing may run, once (I2, I3).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from msgspec.structs import replace
from tests.sim.old_agents import OldAgent, OldProcess
from tests.sim.plan import AgentPlan, Ask

if TYPE_CHECKING:
    from tests.sim.world import World

FOREIGN = 1_000_000
"""Added to a content to make another one."""

RETRY_S = 1.0


class EagerProcess(OldProcess):
    """One process; see the module."""

    def __init__(self, agent: OldAgent) -> None:
        super().__init__(agent)
        self.rng = self.world.process_chance
        self.seen_seq = 0
        self.sent_twice: set[int] = set()

    def ask(self, ask: Ask) -> None:
        """Make a request, offline too; some at once twice."""
        if self.stage == "hung":
            return
        self.last_id += 1
        self.waiting[self.last_id] = ask
        self.ids[ask.number] = self.last_id
        self.world.oracle.asks(self.agent.plan, ask)
        if self.stage == "open":
            self._send(self.last_id)
            chance = self.rng.random()
            if chance < 0.25:
                self.sent_twice.add(ask.number)
            if chance < 0.2:
                self._send(self.last_id)
            elif chance < 0.25:
                other = replace(ask, number=-ask.number, content=ask.content + FOREIGN, key="")
                self.world.oracle.asks(self.agent.plan, other)
                self._request(self.last_id, other.tool, other.content)

    def _send(self, request_id: int) -> None:
        if request_id in self.waiting and self.stage == "open":
            ask = self.waiting[request_id]
            self._request(request_id, ask.tool, ask.content, ask.key)

    def _request(self, request_id: int, tool: str, content: int, key: str = "") -> None:
        params = {"tool": tool, "args": {"n": content}}
        self._say("tool_request", {**params, "idempotency_key": key} if key else params, request_id)

    def auth_params(self) -> dict[str, Any]:
        """It names itself, the same in each process."""
        return {**super().auth_params(), "client_id": self.name}

    def _authenticated(self, message: dict[str, Any]) -> None:
        if "result" not in message:
            self._again()
            return
        self.failures = 0
        self.seen_seq = 0
        self.stage = "open"
        if not self.connected_before:
            self._count_on_from(message["result"]["highest_id"])
        self.connected_before = True
        for request_id in list(self.waiting):
            self._send(request_id)

    def _count_on_from(self, highest_id: int) -> None:
        """Give what was asked before the first connection ids that are certainly new."""
        if highest_id:
            self.waiting = {at + highest_id: ask for at, ask in self.waiting.items()}
            self.ids = {number: at + highest_id for number, at in self.ids.items()}
            self.last_id += highest_id

    def _hear(self, message: dict[str, Any]) -> None:
        error = message.get("error") or {}
        if self._is_no_end(message, error):
            return
        super()._hear(message)
        result = message.get("result")
        told = result if isinstance(result, dict) else error.get("data")
        seq = told.get("seq", 0) if isinstance(told, dict) else 0
        if seq > self.seen_seq and self.stage == "open":
            self.seen_seq = seq
            self._tell("ack", {"seq": seq})

    def _is_no_end(self, message: dict[str, Any], error: dict[str, Any]) -> bool:
        """Whether an error leaves the request as it is, and says to ask again."""
        if self.stage != "open" or message.get("id") not in self.waiting:
            return False
        if "again" in error.get("message", ""):
            self.world.timeline.after(RETRY_S, self._send, message["id"])
            return True
        return False


class EagerAgent(OldAgent):
    """An agent on an eager client, over all its processes."""

    process_type = EagerProcess

    def __init__(self, world: World, plan: AgentPlan) -> None:
        super().__init__(world, plan)
        self.client_id = self.name

    def is_lost(self, ask: Ask) -> bool:
        """Of two that are sent at once the first may be refused, and the second run."""
        return isinstance(self.process, EagerProcess) and ask.number in self.process.sent_twice

    def missing(self) -> Any:
        """It sends everything again, so it gets everything."""
        return self.process.waiting.values() if self.process is not None else ()
