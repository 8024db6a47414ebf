"""Questions to clients: an answer counts once, and only of whom was asked."""

from __future__ import annotations

import anyio
import msgspec
import pytest

from agentgate_server.faces.mcp_questions import NO_ANSWER, USED_MAX, Questions
from agentgate_server.tools.dialogue import NotAnswered

pytestmark = pytest.mark.anyio

EMPTY = msgspec.Raw(b"{}")
YES = msgspec.Raw(b'{"action":"accept"}')


async def test_the_first_answer_of_whom_was_asked_counts() -> None:
    questions = Questions()
    question = questions.put("ann", "roots/list", EMPTY)
    assert questions.find("ann", question.name) is question
    assert questions.find("bob", question.name) is None
    assert not questions.answer("bob", question.name, EMPTY)
    assert not questions.refuse("bob", question.name, "no")
    assert questions.answer("ann", question.name, YES)
    assert not questions.answer("ann", question.name, EMPTY)
    assert not questions.refuse("ann", question.name, "no")
    assert await questions.wait(question.name, 5.0) == YES
    assert questions.find("ann", question.name) is None


async def test_a_refusal_is_told_with_its_reason() -> None:
    questions = Questions()
    question = questions.put("ann", "roots/list", EMPTY)
    assert questions.refuse("ann", question.name, "no roots here")
    with pytest.raises(NotAnswered, match="no roots here"):
        await questions.wait(question.name, 5.0)


async def test_silence_ends_a_question() -> None:
    questions = Questions()
    question = questions.put("ann", "roots/list", EMPTY)
    with anyio.fail_after(5), pytest.raises(NotAnswered, match=NO_ANSWER):
        await questions.wait(question.name, 0.01)
    questions.give_up(question.name, "late")


def test_a_state_counts_once() -> None:
    questions = Questions()
    assert questions.use("n")
    assert not questions.use("n")
    for number in range(USED_MAX):
        assert questions.use(str(number))
    assert questions.use("n")
