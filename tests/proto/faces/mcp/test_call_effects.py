"""What a call wants done: values, which are equal if they say the same."""

from __future__ import annotations

import pytest

from agentgate_proto.faces.mcp.call_effects import Answer, Begin, Leave, Standing, Terms
from agentgate_proto.faces.mcp.eras import Era
from agentgate_proto.records.request import Phase


def test_effects_are_values() -> None:
    assert Begin(primed=True) == Begin(primed=True) != Begin(primed=False)
    assert Leave() == Leave()
    assert Answer(b"{}") != Answer(b"{}", settles=True)
    with pytest.raises(AttributeError):
        Begin(primed=True).primed = False  # type: ignore[misc]


def test_a_client_can_do_nothing_that_it_does_not_say() -> None:
    terms = Terms(era=Era.MODERN, hold_s=1.0)
    assert terms.token is None
    assert not terms.can
    assert not (terms.tasks)
    assert not (terms.hears)
    assert not (terms.resumed)
    assert not (terms.stops)
    assert terms.streams
    assert terms.owns


def test_how_a_request_stands_is_its_phase_and_its_id() -> None:
    assert Standing(Phase.RUNNING, "r") == (Phase.RUNNING, "r")
