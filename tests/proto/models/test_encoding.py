"""Requests in the forms of all backends."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.proto.models.requests import asked, model_requests

from agentgate_proto.models.encoding import ENCODERS, encode
from agentgate_proto.models.request import ModelRequest, ToolSpec, UserTurn

BACKENDS = sorted(ENCODERS)


@pytest.mark.parametrize("backend", BACKENDS)
@given(request=model_requests)
def test_a_body_is_json_its_spans_are_in_order_and_equal_requests_have_equal_bytes(
    backend: str, request: ModelRequest
) -> None:
    encoded = encode(backend, request)
    msgspec.json.decode(encoded.body)
    encoded.body.decode()
    end = 0
    for span in encoded.spans:
        assert end <= span.start < span.end <= len(encoded.body)
        end = span.end
    copy = msgspec.json.decode(msgspec.json.encode(request), type=ModelRequest)
    assert encode(backend, copy) == encoded


@pytest.mark.parametrize("backend", BACKENDS)
@given(
    schema=st.permutations(["a", "b", "c"]), params=st.permutations(["seed", "stop", "thinking"])
)
def test_no_order_that_means_nothing_changes_a_byte(
    backend: str, schema: list[str], params: list[str]
) -> None:
    def made(names: list[str], members: list[str]) -> ModelRequest:
        properties: dict[str, Any] = {name: {} for name in members}
        tools = tuple(
            ToolSpec(name=name, description="", schema={"properties": properties}) for name in names
        )
        return asked(UserTurn("x"), tools=tools, params=dict.fromkeys(params, 1))

    first = made(["a", "b", "c"], ["a", "b", "c"])
    assert encode(backend, made(schema, schema)) == encode(backend, first)


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_history_that_grows_changes_no_byte_before_its_end(backend: str) -> None:
    turns = [UserTurn("one"), UserTurn("two"), UserTurn("three")]
    members: dict[str, Any] = {"system_prompt": "s", "memory": "m"}
    bodies = [encode(backend, asked(*turns[:count], **members)) for count in (1, 2, 3)]
    for shorter, longer in pairwise(bodies):
        (history,) = (span for span in shorter.spans if span.section == "history")
        at = shorter.body[: history.end].rindex(b'"')  # behind it the brackets of the last message
        assert longer.body[:at] == shorter.body[:at]


def test_a_backend_that_is_none_is_no_request() -> None:
    with pytest.raises(KeyError):
        encode("telepathy", asked(UserTurn("x")))
