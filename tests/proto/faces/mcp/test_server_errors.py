"""Errors of servers behind the gate."""

import pytest

from agentgate_proto.faces.mcp.server_errors import DATA_BYTES_MAX, kept, server_error, told
from agentgate_proto.records.outcome import Outcome, executed, failed
from agentgate_proto.rpc.jsonrpc import ErrorObject

NEEDED = {"requiredCapabilities": {"sampling": {}}}


def test_an_error_is_kept_whole() -> None:
    outcome = failed("no", kept(-32021, "no", NEEDED))
    assert server_error(outcome) == ErrorObject(-32021, "no", NEEDED)
    assert server_error(failed("no", kept(-1, "no"))) == ErrorObject(-1, "no")


def test_an_error_has_a_bound() -> None:
    data = kept(-1, "m" * DATA_BYTES_MAX, "x" * DATA_BYTES_MAX)
    assert len(data) <= DATA_BYTES_MAX
    error = server_error(failed("no", data))
    assert error is not None
    assert (error.code, error.data) == (-1, None)


@pytest.mark.parametrize(
    "outcome",
    [
        failed("no"),
        failed("no", b'{"content":[],"isError":true}'),
        failed("no", b'{"error":{"code":1,"message":"x"},"content":[]}'),
        failed("no", b'{"error":"x"}'),
        executed(kept(-1, "no")),
    ],
)
def test_nothing_else_is_one(outcome: Outcome) -> None:
    assert server_error(outcome) is None


@pytest.mark.parametrize(
    ("code", "version", "shown"),
    [
        (-32002, "2026-07-28", -32602),
        (-32002, "2025-11-25", -32002),
        (-32603, "2026-07-28", -32603),
    ],
)
def test_a_missing_resource_has_the_code_of_the_revision(
    code: int, version: str, shown: int
) -> None:
    assert told(ErrorObject(code, "m", 1), version) == ErrorObject(shown, "m", 1)
