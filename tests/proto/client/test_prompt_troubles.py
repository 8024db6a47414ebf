"""What becomes of a prompt that could not be sent: again, elsewhere, or an answer that says so."""

from __future__ import annotations

import math

import pytest

from agentgate_proto.client.prompt_troubles import (
    DELETED,
    PAUSE_S_MAX,
    TROUBLES_MAX,
    Again,
    Elsewhere,
    Reconnected,
    Troubles,
)
from agentgate_proto.client.prompts import Answer, Prompt
from agentgate_proto.errors import ErrorCode, exception_for

PROMPT = Prompt(id="a", text="hi", at=1.0)


def after(
    code: int, data: object = None, *, troubles: Troubles | None = None, never_sent: bool = False
) -> object:
    error = exception_for(code, "words", data)
    return (troubles or Troubles()).failed(PROMPT, error, never_sent=never_sent)


@pytest.mark.parametrize("code", [ErrorCode.CONNECTION_LOST, ErrorCode.AUTHENTICATION])
def test_without_a_connection_it_waits_for_one(code: ErrorCode) -> None:
    assert after(code) == Reconnected()


def test_a_session_that_is_gone_is_replaced_only_if_it_never_had_the_prompt() -> None:
    code = ErrorCode.SESSION_NOT_FOUND
    assert after(code, never_sent=True) == Elsewhere()
    assert after(code) == Answer(id="a", status="failed", error=DELETED, code=code)


@pytest.mark.parametrize("code", [ErrorCode.LIMIT_EXCEEDED, ErrorCode.RUN_IN_PROGRESS])
def test_what_passes_by_itself_is_waited_for_with_growing_pauses(code: ErrorCode) -> None:
    troubles = Troubles()
    pauses = [after(code, troubles=troubles) for _ in range(40)]
    assert pauses[:4] == [Again(0.5), Again(1.0), Again(2.0), Again(4.0)]
    assert pauses[-1] == Again(PAUSE_S_MAX)
    troubles.answered()
    assert after(code, troubles=troubles) == Again(0.5)


@pytest.mark.parametrize(
    ("data", "wait_s"),
    [
        ({"retry_after_s": 7}, 7.0),
        ({"retry_after_s": 0.1}, 0.5),
        ({"retry_after_s": 900.0}, PAUSE_S_MAX),
        ({"retry_after_s": "soon"}, 0.5),
        ({"retry_after_s": math.nan}, 0.5),
        ([], 0.5),
    ],
)
def test_the_gateway_may_say_for_how_long(data: object, wait_s: float) -> None:
    assert after(ErrorCode.LIMIT_EXCEEDED, data) == Again(wait_s)


def test_trouble_within_the_gateway_is_waited_for_but_not_for_ever() -> None:
    troubles = Troubles()
    for _ in range(TROUBLES_MAX):
        assert isinstance(after(ErrorCode.INTERNAL_ERROR, troubles=troubles), Again)
    over = after(ErrorCode.INTERNAL_ERROR, troubles=troubles)
    assert over == Answer(id="a", status="failed", error="words", code=ErrorCode.INTERNAL_ERROR)


@pytest.mark.parametrize(
    "code", [ErrorCode.MODEL_FAILED, ErrorCode.FORBIDDEN, ErrorCode.INVALID_PARAMS, -32099]
)
def test_anything_else_is_the_answer(code: int) -> None:
    assert after(code) == Answer(id="a", status="failed", error="words", code=code)
