"""The methods by which people look back: what a grant or another policy would have done to the
calls on record, what was said before, and the policy that is in force."""

from __future__ import annotations

from typing import Annotated

import msgspec

from agentgate_proto.limits import NAME_CHARS_MAX
from agentgate_proto.records.edit import EditTerms
from agentgate_proto.records.grant import GrantTerms

POLICY_CHARS_MAX = 131_072
"""Of a policy that is only tried: a hundred times that of a busy home."""

DAYS_MAX = 366.0
"""How far is looked back. Retention of requests ends long before."""

REPLAY_ROWS_MAX = 500
"""Calls that one reply lists; ``more`` says that there are others."""

Id = Annotated[str, msgspec.Meta(max_length=NAME_CHARS_MAX)]


class ReplayCalls(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Say what a grant, or another policy, would have done to the calls on record; nothing runs.

    Give ``id`` and ``grant``, or ``policy``, which is for operators. What is kept goes back as far
    as retention lets it, and one reply looks at a bounded number of calls: see ``next``.

    Attributes:
        id: the approval with which the grant would be given; it must wait for an answer.
        grant: the terms, as in ``decide_approval``.
        edit: what would be approved with it; absent: what was asked.
        policy: the text of a policy, instead.
        days: how far to look back.
        before: the ``id`` of a row, or ``next``: only what is older.
        limit: rows at most.

    Raises:
        ValueError: it is about neither, or both.
    """

    id: Id = ""
    grant: GrantTerms | None = None
    edit: EditTerms | None = None
    policy: Annotated[str, msgspec.Meta(max_length=POLICY_CHARS_MAX)] = ""
    days: Annotated[float, msgspec.Meta(gt=0, le=DAYS_MAX)] = 30.0
    before: Id = ""
    limit: Annotated[int, msgspec.Meta(ge=1, le=REPLAY_ROWS_MAX)] = 100

    def __post_init__(self) -> None:
        if (self.grant is None) is not (not self.id):
            raise ValueError("`grant` and the `id` of its approval go together")
        if (self.grant is None) is (not self.policy):
            raise ValueError("give `grant`, or `policy`: one of them is replayed")
        if self.policy and self.edit is not None:
            raise ValueError("an edit goes with a grant")


class ReplayedRow(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One call on record.

    Attributes:
        id, at, agent, tool, signature: which; ``at`` is RFC 3339.
        was, was_rule: what was decided (allow, ask or deny), and the rule that did.
        answer: what became of it when people were asked: approved, denied, expired, cancelled or
            waiting; allowed: it ran without that; "": policy denied it.
        by: who answered, or gave the grant under which it ran.
        now, now_rule: what would be decided; for a grant: allow, and "grant".
    """

    id: str
    at: str
    agent: str
    tool: str
    signature: str
    was: str
    was_rule: str
    answer: str = ""
    by: str = ""
    now: str
    now_rule: str


class Answers(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Of calls that would run without a person: how many did, and what people said to the others.

    Attributes:
        allowed: ran without a person: by policy, or under an earlier grant.
        approved, denied: people were asked, and said so.
        expired, cancelled: nobody answered in time; it was withdrawn.
        waiting: people are being asked.
    """

    allowed: int = 0
    approved: int = 0
    denied: int = 0
    expired: int = 0
    cancelled: int = 0
    waiting: int = 0


class CallsReplayed(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What would have been.

    Attributes:
        requests: calls that were looked at: for a grant, those of its agent for its tool.
        since: back to when was looked, RFC 3339.
        cut: of these nobody can say: they are kept in part only, or their tool is another by now.
        changed: would have been decided otherwise.
        covered: would run without a person by that: the grant matches them; the policy allows
            them, and somebody was asked about them then.
        of_covered: what became of those.
        rows: for a grant those that it covers, for a policy those that change, newest first.
        more: there are other such rows: ask again, ``before`` the last one.
        next: there are older calls that were not looked at: ask again, ``before`` this.
    """

    requests: int
    since: str
    cut: int = 0
    changed: int = 0
    covered: int = 0
    of_covered: Answers = Answers()
    rows: list[ReplayedRow] = []
    more: bool = False
    next: str = ""


class CompareApproval(msgspec.Struct, frozen=True, kw_only=True):
    """Say what differs from the last call of this tool by this agent that people approved.

    -32011 if it does not wait for an answer.

    Attributes:
        id: of the approval.
    """

    id: Annotated[str, msgspec.Meta(min_length=1, max_length=NAME_CHARS_MAX)]


class LastApproved(msgspec.Struct, frozen=True, kw_only=True):
    """A call that people approved.

    Attributes:
        id, signature: which; as it ran.
        at: when they did, RFC 3339.
        decided_by: who.
    """

    id: str
    at: str
    decided_by: str
    signature: str


class ApprovalCompared(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What an approval is like beside those before it, as far as they are on record.

    Attributes:
        last: the last that people approved; absent: none is known.
        changes: a line for each argument that differs from it.
        times_approved, times_denied: how often people have said so of this tool to this agent.
        doubt: what can't be told, in words; "": nothing.
    """

    last: LastApproved | None = None
    changes: tuple[str, ...] = ()
    times_approved: int = 0
    times_denied: int = 0
    doubt: str = ""


class ReadPolicy(msgspec.Struct, frozen=True, kw_only=True):
    """Read the policy that is in force, with what is doubtful about it."""


class PolicyRead(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The policy that is in force.

    Attributes:
        name: what decisions call its file.
        text: the file as it was read, without the configuration's secrets; "": it is none.
        digest: SHA-256 of it, hex.
        rules: how many it has.
        warnings: what an operator should know, a text each.
        cut: the text is longer than a reply holds, and this is its beginning.
    """

    name: str
    text: str
    digest: str
    rules: int
    warnings: tuple[str, ...] = ()
    cut: bool = False
