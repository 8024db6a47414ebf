"""Decisions: what the policy says to one request, and which rule said it."""

from __future__ import annotations

from enum import StrEnum

import msgspec

WHYS_MAX = 3
"""Doubts that a decision tells; nobody reads more of them, and each is stored."""

WHY_CHARS_MAX = 200
"""Of one doubt."""


class Action(StrEnum):
    """The three answers of a policy (seed 001)."""

    ALLOW = "allow"
    DENY = "deny"
    ASK = "ask"


class Decision(msgspec.Struct, frozen=True, kw_only=True):
    """The policy's answer to one request.

    Attributes:
        action: allow, deny or ask.
        rule: the rule that decided, as a person would look it up: ``permissions.yaml:12``, or
            ``built-in`` where none did.
        description: the rule's own words, or "".
        ask_again_after_unknown: ask a person even where this says allow, if the same request
            ended as ``unknown`` before. A rule can opt out.
        approvers: how many different people must say yes, where this says ask.
        code: each of them must prove it with a one-time code.
        asks_there: it is allowed here because a person is asked at the gateway behind.
        why: why the rule matches, where what is written does not say it: each doubt in a short
            sentence, such as "what script.open_up reaches is not known".
    """

    action: Action
    rule: str
    description: str = ""
    ask_again_after_unknown: bool = True
    approvers: int = 1
    code: bool = False
    asks_there: bool = False
    why: tuple[str, ...] = ()

    @property
    def doubt(self) -> str:
        """The reasons in a row, or ""."""
        return "; ".join(self.why)

    @property
    def words(self) -> str:
        """What whoever is denied is told: the rule's own words, and the doubts."""
        if not self.why:
            return self.description
        return f"{self.description} ({self.doubt})" if self.description else self.doubt
