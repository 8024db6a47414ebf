"""What comes before the login, and is none: the code is always the same, and the words say why."""

from __future__ import annotations

import json

import pytest
from tests.proto.byhand import AUTH, Visitor
from tests.proto.support import TEXT

from agentgate_proto.connection.events import AuthAsked, Closed


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (AUTH.replace('"auth-1"', "true"), "this is none (invalid request: "),
        (AUTH.replace('"jsonrpc":"2.0",', ""), 'the member "jsonrpc" must be "2.0"'),
        ("{", "this is none (parse error: "),
        (f"[{AUTH}]", "by itself and not in a batch"),
        ("[{]", "this is none (parse error: "),
        (AUTH.replace('"auth"', '"login"'), "auth must be the first message"),
    ],
)
def test_it_is_refused_with_what_is_wrong_with_it(text: str, why: str) -> None:
    at = Visitor().upgrade()
    at.say(text)
    opcode, payload = at.frames[0]
    assert opcode == TEXT
    error = json.loads(payload)["error"]
    assert error["code"] == -32005
    assert "auth must be the first message" in error["message"]
    assert why in error["message"]


@pytest.mark.parametrize("text", [AUTH.replace('"auth-1"', "1.0"), "\ufeff" + AUTH])
def test_a_beginner_s_slip_is_none(text: str) -> None:
    at = Visitor().upgrade()
    at.say(text)
    [event] = at.happened()
    assert isinstance(event, AuthAsked)
    assert not any(isinstance(each, Closed) for each in at.events)
