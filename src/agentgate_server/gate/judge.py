"""The judge: the policy in force. Only it asks the policy, so that a reload replaces it here."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import msgspec

from agentgate_proto.ledger.relaying import expected, weighed
from agentgate_proto.records.decision import Action, Decision
from agentgate_proto.records.filling import without
from agentgate_proto.records.request import Record
from agentgate_proto.sessions.runs import EXCEED_BUDGET
from agentgate_server.observing import Observers
from agentgate_server.policy import Policy
from agentgate_server.policy.meanings import Meaning, Meant, as_written
from agentgate_server.tools.catalogue import Catalogue, lenient, nobody_asks
from agentgate_server.tools.tool import Tool

FAILED = Decision(
    action=Action.DENY,
    rule="built-in",
    description="the policy failed on this request; the gateway's log says how",
)
"""What a policy that fails comes to."""

log = logging.getLogger(__name__)


class Judge:
    """Says what the policy says.

    Args:
        policy: the policy; a reload puts another here.
        catalogue: the tools; it knows what they get for arguments.
        observers: hears each decision.

    Attributes:
        replaced: is called when another policy is in force.
    """

    def __init__(self, policy: Policy, catalogue: Catalogue, observers: Observers) -> None:
        self._policy = policy
        self.replaced: Callable[[], None] = nobody_asks
        self.catalogue = catalogue
        self.observers = observers

    @property
    def policy(self) -> Policy:
        """The policy in force."""
        return self._policy

    @policy.setter
    def policy(self, policy: Policy) -> None:
        self._policy = policy
        self.replaced()

    def decide(self, record: Record, args: Mapping[str, Any], now: float) -> Decision:
        """Decide a new request; a policy that fails denies.

        Args:
            record: the request.
            args: its arguments as they are written, decoded.
            now: UTC seconds.
        """
        tool = self.catalogue.get(record.tool)
        meaning = as_written if tool is None else partial(meant, tool, record)
        decision = self._decided(record, args, now, tool, meaning)
        self.observers.decided(record, decision)
        return decision

    def again(self, record: Record, args: Mapping[str, Any], now: float) -> Decision:
        """Decide a request that waits for people, by the policy that is in force by now.

        Nothing is counted or told, and a tool that takes other arguments by now is no reason. A
        policy that fails is a doubt: no yes counts until it is mended.

        Args:
            record, now: as for :meth:`decide`.
            args: its arguments as the tool gets them; what was filled in was not written.
        """
        tool = self.catalogue.get(record.tool)
        meaning = lenient(as_written if tool is None else partial(meant, tool, record))
        args = without(args, record.filled or ())
        decision = self._decided(record, args, now, tool, meaning, counts=False)
        if decision is FAILED:
            return msgspec.structs.replace(FAILED, description="", why=(FAILED.description,))
        return decision

    def _decided(
        self,
        record: Record,
        args: Mapping[str, Any],
        now: float,
        tool: Tool | None,
        meaning: Meaning,
        *,
        counts: bool = True,
    ) -> Decision:
        try:
            decision = self.policy.decide(
                agent=record.principal,
                tool=record.tool,
                effects=record.effects,
                args=args,
                now=now,
                meaning=meaning,
                counts=counts,
            )
        except BaseException:  # it converts to types of the user's, which may raise anything
            log.exception("the policy failed on %s", record.tool, extra={"rid": record.rid})
            return FAILED
        if record.tool == EXCEED_BUDGET and decision.action is Action.ALLOW:
            decision = msgspec.structs.replace(
                decision, action=Action.ASK, rule=f"{decision.rule} (a budget asks at least)"
            )
        return weighed(decision, record.relayed, None if tool is None else tool.behind)

    def expect(self, agent: str, tool: Tool) -> Action | None:
        """Return what every request of an agent for a tool comes to, or None if it depends."""
        action = self.policy.expect(agent=agent, tool=tool.name, effects=tool.effects)
        return expected(action, tool.behind)


def meant(tool: Tool, record: Record, args: Mapping[str, Any]) -> Meant | None:
    """Say what a tool gets for the arguments of a request, given as they are written: what the
    record has, and no second reading."""
    return tool.meant(args, msgspec.json.decode(record.args) if record.written else args)
