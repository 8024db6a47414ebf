"""The person of the demo: you, if there is a terminal; the script answers for whoever is silent."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import anyio

from agentgate_cli.prompt import describe
from agentgate_cli.style import dim, say
from agentgate_cli.terminal import Terminal
from agentgate_client import ApprovalView

Decision = Literal["approve", "deny"]
WORDS: dict[str, Decision] = {"y": "approve", "yes": "approve", "n": "deny", "no": "deny"}


@dataclass(frozen=True, slots=True)
class Answer:
    """What is answered, and whether it was the script's doing."""

    decision: Decision
    scripted: bool


class Person:
    """Answers asks.

    Args:
        terminal: where the person is, or None.
        patience_s: how long they have for each answer.
    """

    def __init__(self, terminal: Terminal | None, patience_s: float) -> None:
        self.terminal = terminal
        self.patience_s = patience_s

    async def answer(self, view: ApprovalView, scripted: Decision) -> Answer:
        """Ask the person; without one, or without an answer in time, take the scripted one."""
        terminal = self.terminal
        if terminal is None:
            return Answer(scripted, scripted=True)
        say()
        for line in describe(view, terminal.width):
            say(line)
        word = "yes" if scripted == "approve" else "no"
        question = f"  approve? [y]es, [n]o; in {self.patience_s:g} s the script says {word}: "
        terminal.discard()
        typed: str | None = ""
        with anyio.move_on_after(self.patience_s):
            while typed is not None and typed not in WORDS:
                typed = await terminal.line(question)
                typed = typed and typed.lower()
                say()
        if typed in WORDS:
            say()
            return Answer(WORDS[typed], scripted=False)
        say(dim("…\n"))
        return Answer(scripted, scripted=True)
