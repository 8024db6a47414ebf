"""One call of a server on its way: who waits for it, and what is asked in its midst."""

from __future__ import annotations

import logging
from typing import Final

import anyio
import msgspec

from agentgate_proto.faces.mcp_backend.events import Asked, Ended, Event, Told, Withdrawn
from agentgate_server.tools.dialogue import (
    ELICITATION_FORM,
    ELICITATION_URL,
    QUESTION_S,
    ROOTS,
    SAMPLING,
    SAMPLING_TOOLS,
    Dialogues,
    NotAnswered,
)
from agentgate_server.tools.mcp.driver import Driver

log = logging.getLogger(__name__)

ASKING_S_MAX: Final = 600.0
"""For so long in all, the questions of one call put off its time limit: ten that nobody answers."""

NOBODY: Final = "whoever called can't be asked for it"


class Mode(msgspec.Struct, frozen=True):
    """What tells the kinds of one question apart."""

    mode: str = "form"
    tools: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET


mode_decoder = msgspec.json.Decoder(Mode)


class Running:
    """A call that somebody waits for.

    Args:
        driver: of the talk in which it is made.
        number: by which the talk knows it.
        rid: the request that it is made for, or "".
        dialogues: finds who can be asked.

    Attributes:
        scope: what its time limit cancels; while somebody is asked that does not count, for
            ``ASKING_S_MAX`` in all.
    """

    def __init__(self, driver: Driver, number: int, rid: str, dialogues: Dialogues) -> None:
        self.scope = anyio.CancelScope()
        self.ended: Ended | None = None
        self._driver = driver
        self._number = number
        self._rid = rid
        self._dialogues = dialogues
        self._over = anyio.Event()
        self._questions: dict[int, anyio.CancelScope] = {}
        self._left_s = 0.0
        self._asking_s = ASKING_S_MAX
        self._paused_at = 0.0

    @property
    def was_sent(self) -> bool:
        """Whether the server may have it, as long as it is under way."""
        return self._driver.talk.was_sent(self._number)

    async def wait(self) -> Ended:
        """Wait for its end."""
        await self._over.wait()
        assert self.ended is not None, "it is over"
        return self.ended

    def cancel(self, reason: str) -> bool:
        """Nobody waits for it any more; return whether the server may have it."""
        for scope in self._questions.values():
            scope.cancel()
        was_sent = self._driver.talk.cancel(self._number, reason)
        self._driver.act()
        return was_sent

    def heard(self, event: Event) -> Asked | None:
        """Take what the talk says of it; a question is to be given to ``ask``, in a task."""
        match event:
            case Ended():
                self.ended = event
                self._over.set()
            case Told():
                self._dialogues.tell(self._rid, event.method, event.params)
            case Withdrawn():
                if (scope := self._questions.get(event.question)) is not None:
                    scope.cancel()
            case Asked():
                return event
            case _:
                pass
        return None

    async def ask(self, asked: Asked) -> None:
        """Put a question to whoever can answer it, and tell the server what came of it."""
        asker = self._dialogues.one_who_can(self._rid, ability_of(asked))
        if asker is None:
            self._driver.talk.unanswered(asked.question, NOBODY)
            self._driver.act()
            return
        with anyio.CancelScope() as scope:
            self._pause(asked.question, scope)
            try:
                with anyio.fail_after(QUESTION_S):
                    result = await asker.ask(asked.method, asked.params, QUESTION_S, asked.key)
                self._driver.talk.answer(asked.question, result)
            except TimeoutError:
                text = f"nobody answered within {QUESTION_S:g} s"
                self._driver.talk.unanswered(asked.question, text)
            except NotAnswered as error:
                self._driver.talk.unanswered(asked.question, str(error))
            except Exception:  # a defect of a face must not cost the server
                log.exception("nobody could be asked for %s", asked.method)
                self._driver.talk.unanswered(asked.question, NOBODY)
            finally:
                self._go_on(asked.question)
        self._driver.act()

    def _pause(self, question: int, scope: anyio.CancelScope) -> None:
        if not self._questions:
            self._paused_at = anyio.current_time()
            self._left_s = self.scope.deadline - self._paused_at
            self.scope.deadline += self._asking_s
        self._questions[question] = scope

    def _go_on(self, question: int) -> None:
        del self._questions[question]
        if not self._questions:
            now = anyio.current_time()
            self._asking_s = max(self._asking_s - (now - self._paused_at), 0.0)
            self.scope.deadline = now + self._left_s


def ability_of(asked: Asked) -> str:
    """Return what somebody must be able to do who is to answer a question."""
    try:
        mode = mode_decoder.decode(asked.params)
    except (msgspec.DecodeError, ValueError):
        mode = Mode()
    match asked.method:
        case "roots/list":
            return ROOTS
        case "sampling/createMessage":
            return SAMPLING if mode.tools is msgspec.UNSET else SAMPLING_TOOLS
        case _:
            return ELICITATION_URL if mode.mode == "url" else ELICITATION_FORM
