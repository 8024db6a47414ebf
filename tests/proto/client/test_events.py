"""What the client machine tells its adapter."""

from __future__ import annotations

from typing import get_args

import pytest

from agentgate_proto.client.events import (
    CallAsked,
    CallStopped,
    ClientEvent,
    ClientState,
    Dial,
    HangUp,
    Pushed,
    Settled,
    StateChanged,
    Stood,
)
from agentgate_proto.rpc.messages import Ack


def test_the_union_names_every_event() -> None:
    calls = {Settled, Stood, CallAsked, CallStopped}
    assert set(get_args(ClientEvent)) == {Dial, HangUp, StateChanged, Pushed} | calls


def test_states_have_names_for_people() -> None:
    names = ["idle", "connecting", "connected", "reconnecting", "closed"]
    assert [state.value for state in ClientState] == names


def test_a_change_of_state_may_come_without_a_reason() -> None:
    change = StateChanged(ClientState.CONNECTED)
    assert (change.error, change.retry_in_s) == (None, 0.0)


@pytest.mark.parametrize(
    ("event", "member"),
    [
        (StateChanged(ClientState.IDLE), "state"),
        (Settled(1, None, None), "result"),
        (Pushed(Ack(seq=1)), "params"),
    ],
)
def test_events_cannot_be_changed(event: ClientEvent, member: str) -> None:
    with pytest.raises(AttributeError):
        setattr(event, member, None)
