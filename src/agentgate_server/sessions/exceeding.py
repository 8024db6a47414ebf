"""``exceed_budget``: the tool that stands for spending more than a budget has.

A session whose budget says *ask* asks for it in the name of its principal; policy, people, grants
and audit treat it as any other tool. It does nothing: that it runs is the permission. Nobody else
can ask for it, and no rule short of *ask* lets it through.
"""

from __future__ import annotations

from agentgate_proto.records.request import Effects
from agentgate_proto.sessions.runs import EXCEED_BUDGET
from agentgate_server.tools.python import tool


@tool(name=EXCEED_BUDGET, effects=Effects.WRITE, inline=True)
def exceed_budget(budget: str, limit: str, model: str, reason: str, run: str) -> str:
    """Let one run of a session spend more on its model than a budget has left.

    Args:
        budget: name of the budget.
        limit: what may be spent by it.
        model: name of the model.
        reason: what is spent, what the next answer may cost, and how many may follow.
        run: id of the run: two that ask for the same are two.
    """
    return f"this run may go on beyond the budget {budget}"
