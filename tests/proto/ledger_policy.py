"""What the policy of a ledger's world says, unless the test changes it."""

from __future__ import annotations

from agentgate_proto.records.decision import Action, Decision
from agentgate_proto.records.request import Effects


def allow(*, ask_again: bool = True) -> Decision:
    return Decision(action=Action.ALLOW, rule="test:1", ask_again_after_unknown=ask_again)


def ask(*, approvers: int = 1, code: bool = False) -> Decision:
    text = "somebody has to look"
    return Decision(
        action=Action.ASK, rule="test:2", description=text, approvers=approvers, code=code
    )


def deny() -> Decision:
    return Decision(action=Action.DENY, rule="test:3", description="not here")


def usual_policy() -> dict[str, Decision]:
    """What the policy says to each tool, unless the test changes it."""
    return {
        "read": allow(),
        "write": allow(),
        "carefree_write": allow(ask_again=False),
        "ask_read": ask(),
        "ask_write": ask(),
        "forbidden_write": deny(),
        "grave_write": ask(approvers=2, code=True),
    }


def effects_of(tool: str) -> Effects:
    return Effects.READ if tool.endswith("read") else Effects.WRITE
