"""The table of errors in the SDK's reference is what the core raises."""

from __future__ import annotations

from tests import error_table

import agent_gate
import agentgate_client
from agentgate_proto.errors import ERRORS, AgentGateError


def test_the_table_is_made_from_the_exceptions() -> None:
    text = error_table.PAGE.read_text("utf-8")
    assert text == error_table.rendered(text), "run: python -m tests.error_table"


def test_every_code_stands_in_it_with_an_exception_that_users_can_import() -> None:
    table = "\n".join(error_table.rows())
    for row in ERRORS.values():
        name = row.exception.__name__
        assert row.exception is not AgentGateError
        assert f"`{name}`" in table
        assert str(int(row.code)) in table
        assert getattr(agent_gate, name) is getattr(agentgate_client, name) is row.exception
