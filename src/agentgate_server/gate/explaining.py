"""Explaining: what the policy in force would say to a request, for people who ask."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from agentgate_proto.errors import ErrorCode, unknown_tool
from agentgate_proto.principal import Principal, Role
from agentgate_proto.records.decision import Action
from agentgate_proto.rpc.explain_methods import ExplainRequest, RequestExplained
from agentgate_server.errors import ArgumentError
from agentgate_server.gate.judge import Judge
from agentgate_server.gate.nearest import nearest_tool
from agentgate_server.identity.keyring import Keyring
from agentgate_server.policy import display_of
from agentgate_server.secrets.masking import CallInProgress, Masker
from agentgate_server.sockets.replies import Reply

ARGS_BYTES_MAX = 65_536
"""Arguments that are explained; what agents may ask with has the same size unless a tool says
otherwise, and each rule looks at them."""

REASONS_MAX = 200
"""Rules of which it is said why they do not decide; the answer is one message."""


class Explainer:
    """Says what the policy in force says.

    Args:
        judge: has the policy, and the tools.
        masker: hides the gateway's secrets; what the person has sent comes back as it is, for a
            mask would tell which guess is right.
        tokens: whose tokens are known, and so who there is.
        objection: counts a question of a principal at a time as a request, and says why it may not
            be asked now, and for how many seconds; None: it may.
    """

    def __init__(
        self,
        judge: Judge,
        masker: Masker,
        tokens: Keyring,
        objection: Callable[[str, float], tuple[str, float] | None],
    ) -> None:
        self.judge = judge
        self.masker = masker
        self.tokens = tokens
        self.objection = objection

    def answer(self, who: Principal, asked: ExplainRequest, now: float, reply: Reply) -> None:
        """Explain a request; the reply gets -32011 if there is no such tool, -32602 if its
        arguments do not fit or are too large, -32006 beyond the rate."""
        objection = self.objection(who.name, now)
        if objection is not None:
            text, pause = objection
            reply.error(ErrorCode.LIMIT_EXCEEDED, text, {"retry_after_s": round(pause, 3)})
            return
        tool = self.judge.catalogue.get(asked.tool)
        if tool is None:
            near = nearest_tool(asked.tool, self.judge.catalogue, lambda _: True)
            text = unknown_tool(asked.tool, near)
            reply.error(ErrorCode.NOT_FOUND, text, None)
            return
        if len(msgspec.json.encode(asked.args)) > ARGS_BYTES_MAX:
            text = f"Invalid params: at most {ARGS_BYTES_MAX} bytes of arguments are explained"
            reply.error(ErrorCode.INVALID_PARAMS, text, None)
            return
        with CallInProgress(asked.tool, asked.args):
            try:
                tool.check(asked.args)
            except ArgumentError as error:
                text = self.masker.told(f"Invalid params: {error}")
                reply.error(ErrorCode.INVALID_PARAMS, text, None)
            else:
                reply.result(self._explained(asked, now))

    def _explained(self, asked: ExplainRequest, now: float) -> RequestExplained:
        told = self.masker.told
        tool = self.judge.catalogue.get(asked.tool)
        assert tool is not None, "it was looked up"
        agent = asked.agent or self._first_agent()
        found = self.judge.policy.explain(
            agent=agent,
            tool=tool.name,
            effects=tool.effects,
            args=asked.args,
            now=now,
            meaning=self.judge.catalogue.meaning_of(tool.name),
            display=shown,
        )
        decision = found.decision
        asks = decision.action is Action.ASK
        return RequestExplained(
            agent=agent,
            decision=decision.action.value,
            rule=decision.rule,
            description=decision.description,
            doubts=tuple(map(told, decision.why)),
            approvers=decision.approvers if asks else 1,
            code=decision.code,
            clock=found.clock,
            gets=told(found.gets),
            reasons=tuple(told(str(reason)) for reason in found.reasons[:REASONS_MAX]),
        )

    def _first_agent(self) -> str:
        agents = (each.name for each in self.tokens.principals if each.role is Role.AGENT)
        return next(agents, "agent")


def shown(tool: str, args: Mapping[str, Any]) -> str:
    """A request in a line; what a tool gets need not be JSON."""
    return display_of(tool, msgspec.json.decode(msgspec.json.encode(args, enc_hook=repr)))
