"""What people may ask of the policy in force."""

import msgspec
import pytest

from agentgate_proto.limits import NAME_CHARS_MAX
from agentgate_proto.rpc.explain_methods import ExplainRequest, RequestExplained


def test_a_tool_is_enough() -> None:
    asked = msgspec.convert({"tool": "pay"}, ExplainRequest)
    assert (asked.args, asked.agent) == ({}, "")


@pytest.mark.parametrize(
    "asked", [{}, {"tool": "x" * (NAME_CHARS_MAX + 1)}, {"tool": "x", "args": []}]
)
def test_what_names_no_tool_is_refused(asked: dict[str, object]) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(asked, ExplainRequest)


def test_what_there_is_nothing_to_say_of_is_left_out() -> None:
    told = RequestExplained(agent="a", decision="allow", rule="p.yaml:1")
    assert msgspec.to_builtins(told) == {"agent": "a", "decision": "allow", "rule": "p.yaml:1"}
