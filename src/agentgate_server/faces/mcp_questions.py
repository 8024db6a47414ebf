"""What clients were asked in the midst of their calls, and have not answered yet."""

from __future__ import annotations

import secrets
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Final

import anyio
import msgspec

from agentgate_proto.faces.mcp.questions import Question
from agentgate_server.tools.dialogue import NotAnswered

NAME_BYTES: Final = 12
"""Of chance in the name of a question: nobody has seen it who was not asked."""

USED_MAX: Final = 4_096
"""States that were brought along and are remembered, so that none counts twice. A question is over
after a minute, and with it all that its state is good for."""

NO_ANSWER: Final = "the client did not answer in time"


@dataclass(slots=True)
class Waiting:
    """One question.

    Attributes:
        question: what was asked.
        principal: who was asked.
        rid: of the request whose tool asks.
        over: it has an answer, or there will be none.
        answer: a JSON object; None: there is none.
        why: there is none.
    """

    question: Question
    principal: str
    rid: str = ""
    over: anyio.Event = field(default_factory=anyio.Event)
    answer: msgspec.Raw | None = None
    why: str = NO_ANSWER


class Questions:
    """See the module."""

    def __init__(self) -> None:
        self._waiting: dict[str, Waiting] = {}
        self._used: OrderedDict[str, None] = OrderedDict()

    def put(
        self, principal: str, method: str, params: msgspec.Raw, key: str = "", rid: str = ""
    ) -> Question:
        """Return a new question to a principal's client; ``wait`` must follow.

        Args:
            principal: whose client is asked.
            method, params: what.
            key: what the server calls it, or "".
            rid: of the request whose tool asks, or "".
        """
        question = Question(secrets.token_urlsafe(NAME_BYTES), method, params, key)
        self._waiting[question.name] = Waiting(question, principal, rid)
        return question

    async def wait(self, name: str, timeout_s: float) -> msgspec.Raw:
        """Return the answer to a question.

        Raises:
            NotAnswered: there is none.
        """
        waiting = self._waiting[name]
        try:
            with anyio.move_on_after(timeout_s):
                await waiting.over.wait()
        finally:
            del self._waiting[name]
        if waiting.answer is None:
            raise NotAnswered(waiting.why)
        return waiting.answer

    def find(self, principal: str, name: str) -> Question | None:
        """Return what this principal was asked under this name and has not answered."""
        waiting = self._open(name)
        return waiting.question if waiting is not None and waiting.principal == principal else None

    def open_of(self, principal: str, rid: str) -> list[Question]:
        """Return what the tool of this request has asked this principal, and is not answered."""
        return [
            each.question
            for each in self._waiting.values()
            if rid and (each.rid, each.principal) == (rid, principal) and not each.over.is_set()
        ]

    def answer(self, principal: str, name: str, answer: msgspec.Raw) -> bool:
        """Take an answer; return whether it is one to an open question of theirs."""
        waiting = self._open(name)
        if waiting is None or waiting.principal != principal:
            return False
        waiting.answer = answer
        waiting.over.set()
        return True

    def refuse(self, principal: str, name: str, why: str) -> bool:
        """The same, and they do not want to answer."""
        if self.find(principal, name) is None:
            return False
        self.give_up(name, why)
        return True

    def give_up(self, name: str, why: str) -> None:
        """Nobody will answer this."""
        waiting = self._open(name)
        if waiting is not None:
            waiting.why = why
            waiting.over.set()

    def use(self, nonce: str) -> bool:
        """Take the state of a call that was answered with questions; return whether it is new."""
        if nonce in self._used:
            return False
        self._used[nonce] = None
        if len(self._used) > USED_MAX:
            self._used.popitem(last=False)
        return True

    def _open(self, name: str) -> Waiting | None:
        waiting = self._waiting.get(name)
        return None if waiting is None or waiting.over.is_set() else waiting
