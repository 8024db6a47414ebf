"""Questions: what each needs of a client, how they are asked, and what can be an answer."""

from __future__ import annotations

import json

import msgspec
import pytest

from agentgate_proto.faces.mcp.questions import (
    ANSWER_BYTES_MAX,
    ROOTS,
    Question,
    answers_in,
    by_key,
    describe_refusal,
    input_required,
    named,
    need,
    requests_of,
)
from agentgate_proto.rpc.jsonrpc import ErrorObject

EMPTY = msgspec.Raw(b"{}")


@pytest.mark.parametrize(
    ("method", "params", "expected"),
    [
        ("elicitation/create", b'{"message":"x"}', "elicitation.form"),
        ("elicitation/create", b'{"mode":"url","url":"https://x"}', "elicitation.url"),
        ("elicitation/create", b'{"mode":"form"}', "elicitation.form"),
        ("sampling/createMessage", b'{"messages":[]}', "sampling"),
        ("sampling/createMessage", b'{"messages":[],"tools":[]}', "sampling.tools"),
        ("roots/list", b"{}", "roots"),
        ("tools/call", b"{}", ""),
        ("elicitation/create", b'{"mode":7}', ""),
        ("elicitation/create", b"{", ""),
    ],
)
def test_each_question_needs_something_of_the_client(
    method: str, params: bytes, expected: str
) -> None:
    assert need(method, msgspec.Raw(params)) == expected


def test_questions_to_a_modern_client_go_out_as_they_came() -> None:
    params = msgspec.Raw(b'{"message": "who?",  "unknown": [1]}')
    questions = [
        Question("q1", "elicitation/create", params),
        Question("q2", "roots/list", msgspec.Raw(b"{}")),
    ]
    text = input_required(questions, "sealed")
    assert bytes(params) in text
    assert json.loads(text) == {
        "resultType": "input_required",
        "inputRequests": {
            "q1": {"method": "elicitation/create", "params": {"message": "who?", "unknown": [1]}},
            "q2": {"method": "roots/list", "params": {}},
        },
        "requestState": "sealed",
    }


def test_only_objects_of_a_bounded_size_are_answers() -> None:
    large = b'{"a":"' + b"x" * ANSWER_BYTES_MAX + b'"}'
    given = {
        "good": msgspec.Raw(b' {"action":"accept"}'),
        "text": msgspec.Raw(b'"accept"'),
        "large": msgspec.Raw(large),
    }
    assert answers_in(given) == {"good": given["good"]}


def test_a_refusal_is_told_in_the_words_of_the_client() -> None:
    assert describe_refusal(ErrorObject(-1, "no user here")) == "the client refused: no user here"
    assert describe_refusal(None) == "the client refused"


def test_questions_are_called_what_their_servers_call_them() -> None:
    asked = [
        Question("n1", ROOTS, EMPTY, "user_name"),
        Question("n2", ROOTS, EMPTY, "user_name"),
        Question("n3", ROOTS, EMPTY, "with a blank"),
        Question("n4", ROOTS, EMPTY),
    ]
    assert list(by_key(asked)) == list(requests_of(asked)) == ["user_name", "n2", "n3", "n4"]
    answers = {"user_name": EMPTY, "n3": EMPTY, "n1": EMPTY, "other": EMPTY}
    assert named(asked, answers) == {"n1": EMPTY, "n3": EMPTY}
