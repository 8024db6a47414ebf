"""Prompts that wait for the ends of their runs."""

from __future__ import annotations

from agentgate_proto.faces.acp.turns import STOP_REASONS
from agentgate_proto.faces.conversing import BROKEN
from agentgate_proto.records.session import RunStatus


def test_each_end_of_a_run_has_a_reason_or_is_an_error() -> None:
    assert {*STOP_REASONS, *BROKEN} == set(RunStatus)
    assert not set(STOP_REASONS) & set(BROKEN)
