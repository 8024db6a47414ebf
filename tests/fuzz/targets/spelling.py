"""Target: one text, and all that rules read in it: what it may be meant as, and be taken for."""

from __future__ import annotations

from agentgate_server.policy.rereading import rereadings
from agentgate_server.policy.spelling import NO_TEXT, SPELLINGS_MAX, fold, spellings


def run(data: bytes) -> None:
    """Read it: what is folded stays as it is, it is the first form, and nothing is told twice."""
    text = data.decode("utf-8", "replace")
    folded = fold(text)
    assert fold(folded) == folded
    forms, _ = spellings(text)
    assert len(forms) == len(set(forms)) <= SPELLINGS_MAX
    assert folded == NO_TEXT or forms[0] == folded
    assert all(fold(form) == form for form in forms)
    taken_for, _ = rereadings(forms)
    assert not set(taken_for) & set(forms)
