"""The form of ``permissions.yaml``: what may stand in it, before it means anything."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec

from agentgate_proto.records.decision import Action
from agentgate_proto.records.request import Effects

PATTERN_CHARS_MAX = 1_000
"""A pattern, or another text of a rule; the longest real signature pattern is a tenth of that."""

RULES_MAX = 10_000
"""Rules of one file, defaults included."""

NAMES_MAX = 1_000
"""Entries of one list within a rule."""

APPROVERS_MAX = 10
"""People who must say yes to one request; no committee answers within minutes."""

Text = Annotated[str, msgspec.Meta(min_length=1, max_length=PATTERN_CHARS_MAX)]
Texts = Text | Annotated[list[Text], msgspec.Meta(min_length=1, max_length=NAMES_MAX)]
Args = Annotated[dict[Text, Any], msgspec.Meta(min_length=1, max_length=NAMES_MAX)]


class HoursForm(msgspec.Struct, frozen=True, kw_only=True):
    """When a rule applies, with days or a time zone.

    Attributes:
        between: as in ``08:00-22:00``.
        days: ``mon`` to ``sun``; the days on which the span starts.
        tz: a name of the IANA time zone database; "" for the gateway's own.
    """

    between: str
    days: list[str] | None = None
    tz: str = ""


class ApprovalForm(msgspec.Struct, frozen=True, kw_only=True):
    """What it takes to say yes to what a rule asks about.

    Attributes:
        approvers: how many different people must say yes.
        code: whether each of them must prove it with a one-time code.
    """

    approvers: Annotated[int, msgspec.Meta(ge=1, le=APPROVERS_MAX)] = 1
    code: bool = False


class RuleForm(msgspec.Struct, frozen=True, kw_only=True):
    """One rule. What it names must all be the case for it to match.

    Attributes:
        action: allow, deny or ask.
        description: shown to whoever asks why.
        pattern: fnmatch pattern on the signature (seed 001).
        tool: name or pattern of a tool, or several.
        args: conditions by argument.
        agents: name or pattern of an agent, or several.
        effects: only tools that read, or only tools that write.
        rate: allow only so often, as in ``10/min``.
        hours: only at these hours.
        other_args: allow further arguments than those in ``args``.
        approval: more than one person's tap is needed to say yes.
        ask_again_after_unknown: false: this rule allows a request again whose outcome is unknown.
    """

    action: Action
    description: str = ""
    pattern: Text | None = None
    tool: Texts | None = None
    args: Args | None = None
    agents: Texts | None = None
    effects: Effects | None = None
    rate: str | None = None
    hours: str | HoursForm | None = None
    other_args: bool | None = None
    approval: ApprovalForm | None = None
    ask_again_after_unknown: bool | None = None


class PolicyForm(msgspec.Struct, frozen=True, kw_only=True):
    """The file.

    Attributes:
        defaults: taken top to bottom when no rule matches.
        rules: deny before ask before allow, whatever their order.
        members: what indirect names stand for: ``entity_id``, ``area_id`` … to names to entities.
    """

    defaults: Annotated[list[RuleForm], msgspec.Meta(max_length=RULES_MAX)] | None = None
    rules: Annotated[list[RuleForm], msgspec.Meta(max_length=RULES_MAX)] | None = None
    members: dict[str, dict[Text, list[Text]]] | None = None
