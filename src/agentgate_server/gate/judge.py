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
        decision = self._decided(record, args, now, self._meaning_of(record))
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
        args, meaning = without(args, record.filled or ()), lenient(self._meaning_of(record))
        decision = self._decided(record, args, now, meaning, counts=False)
        if decision is FAILED:
            return msgspec.structs.replace(FAILED, description="", why=(FAILED.description,))
        return decision

    def _decided(
        self,
        record: Record,
        args: Mapping[str, Any],
        now: float,
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
        tool = self.catalogue.get(record.tool)
        return weighed(decision, record.relayed, None if tool is None else tool.behind)

    def _meaning_of(self, record: Record) -> Meaning:
        """Return what says what the tool gets: what the record has, and no second reading."""
        tool = self.catalogue.get(record.tool)
        return as_written if tool is None else partial(meant, tool, record)

    def expect(self, agent: str, tool: Tool) -> Action | None:
        """Return what every request of an agent for a tool comes to, or None if it depends."""
        action = self.policy.expect(agent=agent, tool=tool.name, effects=tool.effects)
        return expected(action, tool.behind)


def meant(tool: Tool, record: Record, args: Mapping[str, Any]) -> Meant | None:
    """Say what a tool gets for the arguments of a request, given as they are written."""
    return tool.meant(args, msgspec.json.decode(record.args) if record.written else args)
