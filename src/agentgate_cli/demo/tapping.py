"""An answer that is given on the phone, and what the phone shows of it."""

from __future__ import annotations

import anyio

from agentgate_cli.demo import account
from agentgate_cli.demo.person import Answer, Decision, Person
from agentgate_cli.demo.phone import Phone
from agentgate_cli.demo.stage import STEP_S
from agentgate_client import ApprovalView


async def by_phone(
    phone: Phone, person: Person, words: str, view: ApprovalView, scripted: Decision
) -> Answer:
    """Let the person answer by a tap on the phone, which then shows what came of it.

    Args:
        phone: where they are asked.
        person: who answers.
        words: what the message is known by.
        view: what is asked.
        scripted: the answer of one who says nothing.
    """
    with anyio.fail_after(STEP_S):
        message = await phone.asked(words)
    account.screen(message.text.split("\n"), message.labels)
    answer = await person.answer(view, scripted)
    with anyio.fail_after(STEP_S):
        phone.tap(message, answer.decision)
        approved = answer.decision == "approve"
        shown = await phone.settled(message, "has run" if approved else "Denied")
    lines = shown.text.split("\n")
    account.screen([lines[0], "…", lines[-1]] if approved else lines[:1], [])
    return answer
