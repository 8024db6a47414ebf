"""The method by which people ask what the policy in force would say to a request."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec

from agentgate_proto.limits import NAME_CHARS_MAX

Name = Annotated[str, msgspec.Meta(max_length=NAME_CHARS_MAX)]


class ExplainRequest(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Say what the policy in force decides about a request, and why; nothing runs or is counted.

    It is judged as the gateway sees the house and its tools at this moment. It counts against the
    rate as requests do: -32006 beyond.

    Attributes:
        tool: the tool's name.
        args: its arguments.
        agent: who would ask; "": the first principal with role agent.
    """

    tool: Name
    args: dict[str, Any] = {}
    agent: Name = ""


class RequestExplained(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What the policy in force decides, and why.

    Attributes:
        agent: who would ask.
        decision: "allow", "deny" or "ask".
        rule, description: which rule decides, and its words.
        doubts: why it matches, where what is asked does not say it.
        approvers, code: how many people must say yes, and whether with a one-time code.
        clock: by which time the hours of the rule were judged; "": it has none.
        gets: the signature of what the tool gets, where that is not what is written.
        reasons: why the other rules do not decide, in the order in which rules are tried.
    """

    agent: str
    decision: str
    rule: str
    description: str = ""
    doubts: tuple[str, ...] = ()
    approvers: int = 1
    code: bool = False
    clock: str = ""
    gets: str = ""
    reasons: tuple[str, ...] = ()
