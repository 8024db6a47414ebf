"""What the messages of ACP carry: members of ours in ``_meta``, and pieces that all answers use."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from agentgate_proto.errors import ERRORS
from agentgate_proto.faces.acp.messages import (
    CURSOR,
    ERROR_CODES,
    Initialize,
    Prompt,
    chunk,
    meta_of,
)


def initialize(meta: Any) -> Initialize:
    text = msgspec.json.encode({"protocolVersion": 1, "_meta": meta, "clientInfo": {}})
    return msgspec.json.decode(text, type=Initialize)


@pytest.mark.parametrize(
    ("meta", "found"),
    [({CURSOR: "e:1"}, "e:1"), ({CURSOR: 7}, None), ({"other": 1}, None), (None, None)],
)
def test_a_member_of_ours_is_there_or_is_not(meta: Any, found: Any) -> None:
    assert meta_of(initialize(meta), CURSOR, str) == found


def test_a_null_is_no_text_of_a_prompt() -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.json.decode('{"sessionId":"s","prompt":[{"type":"text","text":null}]}', type=Prompt)


def test_a_chunk_has_the_name_of_its_message_if_there_is_one() -> None:
    assert "messageId" not in chunk("agent_thought_chunk", "x")
    assert chunk("agent_message_chunk", "x", "m")["messageId"] == "m"


def test_native_errors_that_have_a_code_here_are_native_errors() -> None:
    assert set(ERROR_CODES) <= set(ERRORS)
