"""An agent is meant by its id and by its name, and by nothing else."""

from __future__ import annotations

import pytest

from agentgate_proto.faces.consoles.talk import Talk


@pytest.mark.parametrize(
    ("wanted", "is_meant"), [("helper", True), ("Helper", True), ("HELPER", False), ("", False)]
)
def test_an_agent_is_meant_by_its_id_and_by_its_name(wanted: str, is_meant: bool) -> None:
    talk = Talk("helper", "Helper", "agent:helper", 1)
    assert talk.is_meant_by(wanted) is is_meant
    assert not talk.lost_told
